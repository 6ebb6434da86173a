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

from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.core.regular_files import check_regular_file


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
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that replaces it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes the file private to the user; results are meant to be shared.
    temporary.chmod(0o666 & ~_umask())
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically with ``\\n`` line ends."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented, key-sorted JSON atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; raises OodmlError naming the file when it is missing or not JSON."""
    check_regular_file(path, error=OodmlError)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OodmlError(f"{path}: cannot be read ({error.strerror})") from None
    except RecursionError:
        raise IntegrityError(f"{path}: not JSON that can be read (nested too deeply)") from None
    except ValueError as error:  # no UTF-8, no JSON, a number of thousands of digits
        raise IntegrityError(
            f"{path}: not valid JSON ({error}); restore it or make it again"
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
