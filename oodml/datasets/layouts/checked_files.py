"""Files with a recorded size and sha256: reading them all, in threads, and checking them again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from oodml.core.errors import DataError
from oodml.core.hashing import sha256_file
from oodml.core.progress import track
from oodml.core.regular_files import check_regular_file
from oodml.datasets.base import shorten
from oodml.datasets.images import examine_image

T = TypeVar("T")
R = TypeVar("R")

_SHOWN_PROBLEMS = 10


@dataclass(frozen=True)
class FileRecord:
    """A file's relative path, size in bytes, modification time in ns, and sha256."""

    path: str
    size: int
    modified_ns: int
    sha256: str

    def as_json(self) -> list[str | int]:
        return [self.path, self.size, self.modified_ns, self.sha256]

    @classmethod
    def from_json(cls, row: Sequence[str | int]) -> FileRecord:
        path, size, modified_ns, sha256 = row
        return cls(str(path), int(size), int(modified_ns), str(sha256))


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read, and (if it was decoded) the ``images.REMARKS`` that hold for it."""

    record: FileRecord
    remarks: tuple[str, ...] = ()


def check_files(
    root: Path, paths: Sequence[str], decode: bool, description: str
) -> list[CheckedFile]:
    """Read (and, if ``decode``, decode) every file; one CheckedFile each, in the order given.

    Raises:
        DataError: naming the files that are missing, unreadable, no regular files or not images.
    """

    def check(path: str) -> CheckedFile | str:
        try:
            return _read_file(root, path, decode)
        except (DataError, OSError) as error:
            return _as_line(root, path, error)

    results = list(track(_in_threads(check, paths), description, total=len(paths)))
    problems = [result for result in results if isinstance(result, str)]
    if problems:
        listed = "\n  ".join(problems[:_SHOWN_PROBLEMS])
        more = len(problems) - _SHOWN_PROBLEMS
        tail = f"\n  and {more} more" if more > 0 else ""
        raise DataError(
            f"{root}: {len(problems)} of {len(paths)} files cannot be used:\n  {listed}{tail}\n"
            "restore or remove them, then try again"
        )
    return [result for result in results if isinstance(result, CheckedFile)]


def changed_files(
    root: Path, files: Sequence[FileRecord], read_all: bool = False, decode: bool = False
) -> list[str]:
    """One line for each file that is missing, changed or (with ``decode``) corrupt.

    Without ``read_all`` only those files are read whose modification time is another than recorded.
    """

    def check(file: FileRecord) -> str | None:
        try:
            return _difference(root, file, read_all, decode)
        except (DataError, OSError) as error:
            return _as_line(root, file.path, error)

    if read_all:
        lines = list(track(_in_threads(check, files), "Verifying files", total=len(files)))
    else:
        lines = [check(file) for file in files]
    return [line for line in lines if line is not None]


def _read_file(root: Path, path: str, decode: bool) -> CheckedFile:
    full = root / path
    check_regular_file(full)
    if not decode:
        status = full.stat()
        return CheckedFile(FileRecord(path, status.st_size, status.st_mtime_ns, sha256_file(full)))
    with open(full, "rb") as handle:
        status = os.fstat(handle.fileno())
        data = handle.read()
    remarks = examine_image(full, data)
    sha256 = hashlib.sha256(data).hexdigest()
    return CheckedFile(FileRecord(path, len(data), status.st_mtime_ns, sha256), remarks)


def _difference(root: Path, file: FileRecord, read_all: bool, decode: bool) -> str | None:
    status = (root / file.path).stat()
    if status.st_size != file.size:
        return f"{_shown(file.path)}: {status.st_size} bytes, {file.size} recorded"
    if not read_all and status.st_mtime_ns == file.modified_ns:
        return None
    if _read_file(root, file.path, decode).record.sha256 != file.sha256:
        return f"{_shown(file.path)}: content is not what was recorded (sha256 differs)"
    return None


def _as_line(root: Path, path: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{_shown(path)}: missing"
    if isinstance(error, OSError):
        return f"{_shown(path)}: cannot be read ({error.strerror})"
    reason = str(error).removeprefix(f"{root / path}: ").split("; ")[0]
    # "no such file" is how a file that is looked up by its name says it
    return f"{_shown(path)}: {'missing' if reason == 'no such file' else reason}"


def _shown(path: str) -> str:
    return shorten([path])


def _in_threads(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Results in order; an interruption does not wait for what has not begun."""
    executor = ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 2))
    try:
        yield from executor.map(work, items)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
