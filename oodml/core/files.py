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

from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.core.regular_files import check_regular_file
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
    """A temporary file beside ``path`` that replaces it when the block ends without an error."""
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
