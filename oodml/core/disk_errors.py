"""What the system refuses below oodml's home, in words that say what to do (elsewhere: ``os_errors``)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oodml.core.errors import OodmlError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def clear_disk_errors(doing: str, place: Path) -> Iterator[None]:
    """Turn an OSError of the block into an OodmlError.

    Args:
        doing: what was being done, for the message ("adding 'pets'").
        place: where it writes; named where the error itself names no file.
    """
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else str(place)
        raise OodmlError(disk_message(error, where, doing)) from None


def disk_message(error: OSError, where: str, doing: str) -> str:
    """One line: which file, what the system says, what to do."""
    # numpy's words for a full disk come without a number
    if error.errno in _FULL or error.errno is None:
        todo = (
            "free some space (`oodml cache list` shows what oodml keeps) "
            "or set OODML_HOME to a folder on another disk"
        )
    elif error.errno in _FORBIDDEN:
        todo = "make it writable or set OODML_HOME to a folder you may write to"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        todo = "a file stands where a folder is needed; move it away or set OODML_HOME elsewhere"
    else:
        todo = "see to the disk and try again"
    return f"{where}: {error.strerror or error} (while {doing}); {todo}"
