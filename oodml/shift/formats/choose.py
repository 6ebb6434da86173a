"""Reading and writing split files in a format that is named, or told from the file."""

from __future__ import annotations

from pathlib import Path

from oodml.core.errors import DataError, UsageError
from oodml.shift.formats.base import FORMATS, Origin, SplitFormat
from oodml.shift.formats.draft import SplitDraft
from oodml.shift.ladder.model import LADDER_FILE, Ladder


def read_split_file(path: Path, dataset: str = "", kind: str | None = None) -> SplitDraft:
    """Read a foreign split file, its format named by ``kind`` or told from the file.

    Raises:
        UsageError: no such format, one that cannot be read, or a file that none or several know.
        DataError: no such file, or not what its format expects.
    """
    if path.is_dir():
        path = path / LADDER_FILE
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return (_told_from(path) if kind is None else _named(kind)).read(path, dataset)


def write_split_files(ladder: Ladder, folder: Path, kind: str, origin: Origin) -> list[Path]:
    """Write a ladder for others in the format ``kind``; the files written.

    Raises:
        UsageError: no such format, or one that cannot be written.
    """
    return _named(kind).write(ladder, folder, origin)


def _named(kind: str) -> SplitFormat:
    if kind not in FORMATS:
        raise UsageError(f"--format {kind!r}: {FORMATS.hint(kind, FORMATS.names())}")
    return FORMATS.get(kind)()


def _told_from(path: Path) -> SplitFormat:
    readers = {name: form for name, form in FORMATS.items() if form.reads()}
    found = [name for name, form in readers.items() if form().recognises(path)]
    if len(found) == 1:
        return readers[found[0]]()
    if found:
        raise UsageError(f"{path}: may be {' or '.join(found)}; say which with --format")
    endings = "; ".join(f"{name} ({', '.join(form.suffixes)})" for name, form in readers.items())
    raise UsageError(
        f"{path}: no format is known by {path.suffix!r}; say which with --format: {endings}"
    )
