"""The files in a tar archive, and only if it is whole.

Python's tarfile takes a damaged header, and the end of the file, for the end of the archive. Here the end
is a block of zeros with nothing but zeros after it, and all else is an error.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from oodml.core.errors import DataError

_BLOCK = 512
_MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
# These hold a long name or a list of attributes, which tarfile reads into memory at once.
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_LARGEST_EXTENDED = 1 << 20
_PIECE = 1 << 20


def tar_compression(start: bytes) -> str | None:
    """``gz``, ``bz2``, ``xz`` or ``""`` by the first 512 bytes of a file; None for no tar."""
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return "" if len(start) == _BLOCK and not any(start) else None
    return ""


def tar_members(archive: Path, compression: str) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, declared size and content of every regular file, in order; folders are passed over.

    Raises:
        tarfile.TarError, EOFError, OSError and others: cut off or damaged anywhere.
        DataError: a member that is neither a file nor a folder.
    """
    with (
        open(archive, "rb") as file,
        tarfile.open(fileobj=file, mode=f"r:{compression}", tarinfo=_Member) as tar,  # type: ignore[call-overload]
    ):
        while (info := tar.next()) is not None:
            tar.members.clear()  # it would keep every header in memory
            if info.isdir():
                continue
            source = tar.extractfile(info) if info.isreg() else None
            if source is None:
                raise DataError(f"{archive}: member {info.name!r} is a link or device; refused")
            yield info.name, info.size, source
        _read_to_the_end(tar.fileobj)


class _Member(tarfile.TarInfo):
    """A header; one that is none is an error instead of the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == _BLOCK and not any(buf):
                raise  # the block of zeros that ends an archive
            raise tarfile.ReadError(
                f"{error} where a member or the end was expected: cut off, damaged, or no tar"
            ) from None
        if info.type in _EXTENDED and info.size > _LARGEST_EXTENDED:
            raise tarfile.ReadError(f"a name or attribute of {info.size} bytes")
        return info


def _read_to_the_end(file: IO[bytes] | None) -> None:
    """Past the end block: checks the checksums of a compressed file, and that nothing follows."""
    while file is not None and (piece := file.read(_PIECE)):
        if piece.count(0) != len(piece):
            raise tarfile.ReadError(
                "there is more after its end: two archives in one file, or a damaged one"
            )
