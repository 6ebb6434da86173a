"""The files in a zip archive, and only if it is whole: its directory says what belongs to it."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from oodml.core.errors import DataError

_END = b"PK\x05\x06"
_END_BYTES = 22
_LONGEST_COMMENT = 1 << 16
_IN_ZIP64 = 0xFFFF  # the count stands elsewhere, in archives of many members


def zip_files(archive: Path, opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The directory's entries that are regular files.

    Raises:
        BadZipFile: the directory holds another number of entries than the archive's end says.
        DataError: an entry that is neither a file nor a folder, or a folder with content.
    """
    entries = opened.infolist()
    declared = _declared_entries(archive)
    if declared not in (None, len(entries)):
        raise zipfile.BadZipFile(f"{declared} members declared, {len(entries)} found")
    files = []
    for info in entries:
        mode = info.external_attr >> 16
        if not info.filename:
            raise zipfile.BadZipFile("a member without a name")
        if info.is_dir():
            if info.file_size or info.compress_size > 2:  # an empty deflate stream has two bytes
                raise DataError(f"{archive}: folder {info.filename!r} has content; refused")
            continue
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise DataError(f"{archive}: member {info.filename!r} is a link or device; refused")
        files.append(info)
    return files


def zip_members(
    opened: zipfile.ZipFile, files: list[zipfile.ZipInfo]
) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, declared size and content of the files; reading one to its end checks its checksum."""
    for info in files:
        with opened.open(info) as source:
            yield info.filename, info.file_size, source


def _declared_entries(archive: Path) -> int | None:
    """How many members the archive's last record says it has; None where zip64 says it."""
    with open(archive, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _END_BYTES - _LONGEST_COMMENT))
        tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_BYTES:
        return None
    (count,) = struct.unpack_from("<H", tail, place + 10)
    return None if count == _IN_ZIP64 else int(count)
