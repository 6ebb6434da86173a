"""Unpacking archives users hand in: no path may leave the target, no bomb may fill the disk.

An archive is unpacked whole or refused: what was cut off, damaged, or is larger or smaller than it
declares is never taken for a smaller data set.
"""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from oodml.core.disk_errors import disk_message
from oodml.core.errors import DataError
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
            member, a torn or cut file, or more than fits on the disk (see ``Limits``).
    """
    check_regular_file(archive)
    try:
        return _extract(archive, target)
    except DataError:
        raise
    except OSError as error:
        # a decoder's complaint carries no number, the system's does
        if error.errno is not None:
            doing = f"unpacking {archive.name}"
            raise DataError(disk_message(error, doing, target)) from None
        raise _torn(archive, error) from None
    except (
        EOFError,
        MemoryError,
        RuntimeError,  # a password, a compression Python lacks
        ValueError,
        OverflowError,
        lzma.LZMAError,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _torn(archive, error) from None


def _torn(archive: Path, error: Exception) -> DataError:
    return DataError(f"{archive}: torn or unreadable ({error}); fetch it again")


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
        with open(destination, "xb") as written:
            left = size
            while piece := source.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                written.write(piece)
        if left:
            than = "larger" if left < 0 else "smaller"
            raise DataError(f"{archive}: member {name!r} is {than} than it declares; refused")
        count += 1
    return count


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
    if destination.exists():
        raise DataError(f"{archive}: member {name!r} stands twice; refused")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"{archive}: member {name!r} lies below a file; refused") from None
    return destination
