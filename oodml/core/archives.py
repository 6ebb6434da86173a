"""Unpacking archives users hand in: no path may leave the target, no bomb may fill the disk.

An archive is unpacked whole or refused: what was cut off, damaged, or is larger or smaller than it
declares is never taken for a smaller data set.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import IO

from oodml.core.disk_errors import disk_message
from oodml.core.errors import DataError, OodmlError
from oodml.core.regular_files import check_regular_file
from oodml.core.tar_members import tar_compression, tar_members
from oodml.core.unpack_limits import Limits
from oodml.core.zip_members import zip_files, zip_members

_DEEPEST = 64  # folders in folders
_PIECE = 1 << 20


def extract_archive(archive: Path, target: Path) -> int:
    """Extract a ``.zip`` or ``.tar[.gz|.bz2|.xz]`` into ``target`` (made if missing).

    Only regular files and folders are accepted. Returns the number of files written.

    Raises:
        DataError: not an archive, a member that leaves ``target``, a link or device, a repeated
            member, a torn or cut file, more than fits on the disk (see ``Limits``), or a disk that
            refuses. The message names the archive, never ``target``.
    """
    check_regular_file(archive)
    try:
        return _extract(archive, target)
    except OodmlError:
        raise
    except Exception as error:
        # Readers of archives raise almost anything at damaged bytes, down to a seek before the
        # start of the file; what the disk refuses is told apart where files are written.
        reason = str(error) or type(error).__name__
        raise DataError(f"{archive}: torn or unreadable ({reason}); fetch it again") from None


def _extract(archive: Path, target: Path) -> int:
    with open(archive, "rb") as file:
        start = file.read(512)
    target.mkdir(parents=True, exist_ok=True)
    limits = Limits(archive, target)
    # By its first bytes: a tar whose last file is a zip ends as a zip does.
    compression = tar_compression(start)
    if compression is not None:
        return _write(archive, target, limits, tar_members(archive, compression))
    if not zipfile.is_zipfile(archive):
        raise DataError(f"{archive}: neither a zip nor a tar archive, or a zip that was cut off")
    with zipfile.ZipFile(archive) as opened:
        files = zip_files(archive, opened)
        limits.check_all(len(files), sum(info.file_size for info in files))
        return _write(archive, target, limits, zip_members(opened, files))


def _write(
    archive: Path, target: Path, limits: Limits, members: Iterator[tuple[str, int, IO[bytes]]]
) -> int:
    root = target.resolve()
    count = 0
    for name, size, source in members:
        limits.admit(size)
        destination = _place(archive, root, name)
        with _written(archive, name):
            destination.parent.mkdir(parents=True, exist_ok=True)
            written = open(destination, "xb", buffering=0)  # noqa: SIM115 (closed below)
        with written:
            left = size
            while left >= 0 and (piece := source.read(_PIECE)):
                left -= len(piece)
                with _written(archive, name):
                    _write_all(written, piece)
        if left:
            than = "larger" if left < 0 else "smaller"
            raise DataError(f"{archive}: member {name!r} is {than} than it declares; refused")
        count += 1
    return count


@contextmanager
def _written(archive: Path, name: str) -> Iterator[None]:
    """What the disk refuses is not the archive's fault."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"{archive}: member {name!r} lies below a file; refused") from None
    except OSError as error:
        raise DataError(
            disk_message(error, f"{archive}: member {name!r}", "unpacking it")
        ) from None


def _write_all(file: FileIO, piece: bytes) -> None:
    """A write without a buffer may take a part only; a buffer would complain when it is closed."""
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


def _place(archive: Path, root: Path, name: str) -> Path:
    """Where the member goes; its folder is made."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(sign in name for sign in "\\:\0"):
        raise DataError(f"{archive}: member {name!r} would leave the folder; refused")
    if len(path.parts) > _DEEPEST:
        raise DataError(
            f"{archive}: member {name!r} lies more than {_DEEPEST} folders deep; refused"
        )
    destination = root.joinpath(*path.parts)
    with _written(archive, name):
        if destination.exists():
            raise DataError(f"{archive}: member {name!r} stands twice; refused")
    return destination
