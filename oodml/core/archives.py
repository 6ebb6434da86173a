"""Unpacking archives users hand in: no path may leave the target, no bomb may fill the disk."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from oodml.core.errors import DataError

_MAX_MEMBERS = 2_000_000
_MAX_TOTAL_BYTES = 200 * 1024**3
_MAX_MEMBER_BYTES = 8 * 1024**3
_PIECE = 1 << 20
# A torn stream, a wrong checksum, a password, a compression Python lacks.
_UNREADABLE = (
    EOFError,
    NotImplementedError,
    RuntimeError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def extract_archive(archive: Path, target: Path) -> int:
    """Extract a ``.zip`` or ``.tar[.gz|.bz2|.xz]`` into ``target`` (made if missing).

    Only regular files and folders are accepted. Returns the number of files written.

    Raises:
        DataError: not an archive, a member that leaves ``target``, a link or device, a repeated
            member, a torn file, or more files / bytes than any supported data set has.
    """
    if not archive.is_file():
        raise DataError(f"{archive}: no such file")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return _write_members(archive, target, _zip_members(archive, opened))
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                return _write_members(archive, target, _tar_members(archive, tar))
    except _UNREADABLE as error:
        raise DataError(f"{archive}: torn or unreadable ({error}); fetch it again") from None
    raise DataError(f"{archive}: neither a zip nor a tar archive")


def _zip_members(archive: Path, opened: zipfile.ZipFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    for info in opened.infolist():
        if info.is_dir():
            continue
        mode = info.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise DataError(f"{archive}: member {info.filename!r} is a link or device; refused")
        with opened.open(info) as source:
            yield info.filename, info.file_size, source


def _tar_members(archive: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    for info in tar:
        if info.isdir():
            continue
        source = tar.extractfile(info) if info.isreg() else None
        if source is None:
            raise DataError(f"{archive}: member {info.name!r} is a link or device; refused")
        yield info.name, info.size, source


def _write_members(
    archive: Path, target: Path, members: Iterator[tuple[str, int, IO[bytes]]]
) -> int:
    target.mkdir(parents=True, exist_ok=True)
    root = target.resolve()
    count = total = 0
    for name, size, source in members:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
            raise DataError(f"{archive}: member {name!r} would leave the folder; refused")
        count += 1
        total += size
        if count > _MAX_MEMBERS or size > _MAX_MEMBER_BYTES or total > _MAX_TOTAL_BYTES:
            raise DataError(f"{archive}: larger than any supported data set; refused")
        destination = root.joinpath(*path.parts)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            raise DataError(f"{archive}: member {name!r} stands twice; refused")
        with open(destination, "wb") as written:
            left = size
            while piece := source.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise DataError(
                        f"{archive}: member {name!r} is larger than it declares; refused"
                    )
                written.write(piece)
    return count
