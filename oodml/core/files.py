"""Files that are never half-written, and the folders oodml keeps things in."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from oodml.core.errors import DataError, IntegrityError, OodmlError
from oodml.core.os_errors import os_error_text
from oodml.core.regular_files import check_regular_file


def oodml_home() -> Path:
    """Where data sets and feature caches live: ``$OODML_HOME`` or the user's cache folder."""
    return Path(os.environ.get("OODML_HOME") or platformdirs.user_cache_dir("oodml"))


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
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            # mkstemp makes the file private to the user; results are meant to be shared.
            temporary.chmod(0o666 & ~_umask())
            yield temporary
            with open(temporary, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


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
        if path.is_file():
            raise IntegrityError(str(error)) from None
        raise OodmlError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise IntegrityError(
            f"{path}: not valid JSON ({error}); restore it or make it again"
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
