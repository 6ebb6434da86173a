"""Files that are never half-written, and the folders oodml keeps things in.

A temporary file's name says which process makes it, so that one left by a process that was killed is
told from one that is being written, and swept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.core.os_errors import os_error_text
from oodml.core.regular_files import check_regular_file, irregular
from oodml.core.this_process import mark_is_gone, process_mark

# .<name>.<mark of the process>.<random>.tmp
_TEMPORARY = re.compile(r"\..*\.(?P<mark>[0-9a-f]{6}-\d+-\d*)\.[^.]*\.tmp")
_NAME_CHARACTERS = 40  # of the final name, in the temporary one: a name has an end
_OF_ANOTHER_HOST_S = 7 * 24 * 3600.0


def oodml_home() -> Path:
    """Where data sets and feature caches live: ``$OODML_HOME`` or the user's cache folder.

    Raises:
        UsageError: it is a file.
    """
    given = os.environ.get("OODML_HOME")
    home = Path(given or platformdirs.user_cache_dir("oodml"))
    if home.exists() and not home.is_dir():
        raise UsageError(f"{'OODML_HOME ' if given else ''}{home}: a file, expected a folder")
    return home


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """An empty file in the folder of ``path``, which is made; it goes when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:_NAME_CHARACTERS]}.{process_mark()}."
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes the file private to the user; results are meant to be shared.
    temporary.chmod(0o666 & ~_umask())
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that replaces it when the block ends without an error.

    Raises:
        OodmlError: the file cannot be written: a full disk, a folder without permission, something
            at ``path`` that is no regular file. The message names it.
    """
    with writing(path):
        if path.exists() and not path.is_file():
            # a device or a pipe would be replaced by a file
            kind = "a folder" if path.is_dir() else "a device or pipe, not a regular file"
            raise OodmlError(f"{path}: cannot be written: it is {kind}; name another file")
        with temporary_beside(path) as temporary:
            yield temporary
            with open(temporary, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)


def sweep_temporaries(folder: Path) -> None:
    """Remove what `atomic_path` has left in a folder and those inside it by a process that is gone.

    Of processes on other hosts, which cannot be asked, files older than a week are removed.
    """
    for path in folder.rglob(".*.tmp"):
        found = _TEMPORARY.fullmatch(path.name)
        if found is None:
            continue
        with contextlib.suppress(OSError):  # another process sweeps too, or may not be disturbed
            gone = mark_is_gone(found["mark"])
            if gone is None:
                gone = time.time() - path.stat().st_mtime > _OF_ANOTHER_HOST_S
            if gone:
                path.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the operating system refuses inside the block is an OodmlError that names ``path``."""
    try:
        yield
    except OSError as error:
        raise OodmlError(f"{path}: cannot be written: {os_error_text(error, path)}") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it; OodmlError, with its name, where that cannot be."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically with ``\\n`` line ends."""
    with atomic_path(path) as temporary:
        # ids that are bytes of a file name without a meaning are kept as they are spelt
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write indented, key-sorted JSON atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_text(path: Path) -> str:
    """A UTF-8 text file, with or without a byte order mark; any line ends become ``\\n``.

    Raises:
        DataError: no such file, none that can be read, or not UTF-8; the message names it.
    """
    check_regular_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {os_error_text(error, path)}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8; save the file as UTF-8") from None


def read_json(path: Path) -> Any:
    """Read JSON; raises OodmlError naming the file when it is missing or not JSON."""
    try:
        return json.loads(read_text(path))
    except DataError as error:
        kind = OodmlError if irregular(path) else IntegrityError
        raise kind(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise IntegrityError(
            f"{path}: not valid JSON ({error}); restore it or make it again"
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
