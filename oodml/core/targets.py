"""Places a command will write to, looked at before anything long starts. Nothing is made here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from oodml.core.errors import UsageError
from oodml.core.os_errors import os_error_text

FIGURE_ENDINGS = (".png", ".svg", ".pdf")


def check_folder_target(flag: str, folder: Path) -> None:
    """UsageError, beginning with ``flag``, unless files can be written into ``folder``.

    It need not be there yet: the nearest folder above that is must then take a new one.
    """
    place = _nearest(flag, folder)
    if not place.is_dir():
        inside = "" if place == folder else f" (for {folder})"
        raise UsageError(f"{flag} {place}: is not a folder{inside}; choose another place")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"{flag} {folder}: {place} cannot be written; choose another place")


def check_file_target(flag: str, path: Path, endings: Sequence[str] = ()) -> None:
    """UsageError, beginning with ``flag``, unless a file can be written at ``path``.

    Args:
        endings: what the name must end in, one of them, such as ``.png``; any where there are none.
    """
    if endings and path.suffix.lower() not in endings:
        raise UsageError(f"{flag} {path}: expected a name that ends in {' or '.join(endings)}")
    place = _nearest(flag, path)
    if place != path:
        check_folder_target(flag, path.parent)
    elif path.is_dir():
        raise UsageError(f"{flag} {path}: is a folder; name a file")
    elif not path.is_file():
        raise UsageError(f"{flag} {path}: is a device or pipe, not a regular file; name another")
    else:
        check_folder_target(flag, path.parent)


def _nearest(flag: str, path: Path) -> Path:
    """The path, or else the nearest above it that is there."""
    try:
        str(path).encode("utf-8")  # Arrow, for one, writes to no other names
        path.lstat()
    except FileNotFoundError:
        return path if path.parent == path else _nearest(flag, path.parent)
    except NotADirectoryError:  # one above is a file
        return _nearest(flag, path.parent)
    except UnicodeEncodeError:
        raise UsageError(f"{flag} {path}: a name that is not UTF-8; choose another") from None
    except (OSError, ValueError) as error:
        text = os_error_text(error, path) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{flag} {path}: {text}") from None
    return path
