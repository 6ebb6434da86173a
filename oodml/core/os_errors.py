"""What the operating system refused, in words, and what to do about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_ADVICE = {
    errno.ENOSPC: "free some space, or choose a place on another disk",
    errno.EDQUOT: "free some space of your quota, or choose a place on another disk",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.ENOTDIR: "a part of the path is a file; choose another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.EEXIST: "there is a file of that name; choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "check the path",
    errno.ELOOP: "its links lead in a circle; name the place itself",
    errno.EMFILE: "close other programs, or raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENOMEM: "close other programs, or use less memory",
    errno.EINVAL: "check the name",
    errno.EIO: "the disk may be failing; check it",
    errno.EFBIG: "the file system takes no files as large; choose a place on another disk",
}


def os_error_text(error: OSError, known: Path | None = None) -> str:
    """``No space left on device; free some space, or choose a place on another disk``.

    Args:
        known: a path that the message names already; another one, where the error has one, is added.
    """
    code = error.errno
    # libraries put the code into a text of theirs, or leave it out
    text = os.strerror(code) if code is not None else str(error) or type(error).__name__
    names = [str(one) for one in (error.filename, error.filename2) if one is not None]
    others = [name for name in names if known is None or not _about(name, known)]
    if others:
        text += f": {' -> '.join(others)}"
    advice = _ADVICE.get(code) if code is not None else None
    return f"{text}; {advice}" if advice else text


def _about(name: str, known: Path) -> bool:
    """Whether a file is the known one, or its temporary beside it."""
    path = Path(name)
    return path == known or (path.parent == known.parent and path.name.startswith(f".{known.name}"))
