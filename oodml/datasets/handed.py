"""What users hand in to be added: archives to unpack, a folder or a table used where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oodml.core.archives import extract_archive
from oodml.core.errors import OodmlError, UsageError
from oodml.core.progress import progress_task
from oodml.core.regular_files import check_regular_file, irregular
from oodml.datasets.records import UNPACKED


@dataclass(frozen=True)
class Handed:
    """What the user hands in: archives to unpack, or a folder, or a table. Exactly one of them."""

    archives: tuple[Path, ...] = ()
    folder: Path | None = None
    table: Path | None = None

    def __post_init__(self) -> None:
        given = [bool(self.archives), self.folder is not None, self.table is not None]
        if sum(given) != 1:
            raise UsageError("give exactly one of --archive FILE, --dir DIR and --table FILE")


def check_handed(handed: Handed) -> None:
    """UsageError unless all of it is there, and is what it is handed in as."""
    if handed.folder is not None and not handed.folder.expanduser().is_dir():
        reason = irregular(handed.folder.expanduser()) or "a file, expected a folder"
        reason = "no such folder" if reason == "no such file" else reason
        raise UsageError(f"--dir {handed.folder}: {reason}")
    if handed.table is not None:
        check_regular_file(handed.table.expanduser(), "--table", UsageError)
    for archive in handed.archives:
        check_regular_file(archive, "--archive", UsageError)


def provide(handed: Handed, new: Path) -> Path:
    """The folder or table to read; archives are unpacked first."""
    source = handed.folder or handed.table
    if source is not None:
        return source.expanduser().resolve()
    unpacked = new / UNPACKED
    for archive, place in _places(handed, unpacked):
        with progress_task(f"Unpacking {archive.name}"):
            extract_archive(archive, place)
    return unpacked


def _places(handed: Handed, unpacked: Path) -> list[tuple[Path, Path]]:
    """Each archive and where it is unpacked."""
    if len(handed.archives) == 1:
        return [(handed.archives[0], unpacked)]
    return [(archive, unpacked / str(number)) for number, archive in enumerate(handed.archives)]


@contextmanager
def archives_named(handed: Handed, source: Path) -> Iterator[None]:
    """Errors speak of the archive: where it was unpacked is gone when they are read."""
    try:
        yield
    except OodmlError as error:
        message = str(error)
        for archive, place in _places(handed, source) if handed.archives else []:
            message = message.replace(str(place), str(archive))
        if len(handed.archives) > 1:
            message = message.replace(str(source), " and ".join(map(str, handed.archives)))
        raise type(error)(message) from None
