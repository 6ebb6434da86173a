"""Which reader a foreign split file needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from oodml.core.errors import DataError, UsageError
from oodml.shift.formats.authors_pickle import read_authors_pickle
from oodml.shift.formats.class_lists import read_class_lists
from oodml.shift.formats.draft import SplitDraft
from oodml.shift.formats.oml_table import read_oml_table

READERS: dict[str, Callable[[Path, str], SplitDraft]] = {
    "oodml-authors-pickle": read_authors_pickle,
    "class-lists": read_class_lists,
    "oml": read_oml_table,
}
_BY_SUFFIX = {
    ".pkl": "oodml-authors-pickle",
    ".pickle": "oodml-authors-pickle",
    ".json": "class-lists",
    ".csv": "oml",
}


def read_split_file(path: Path, dataset: str = "", kind: str | None = None) -> SplitDraft:
    """Read a foreign split file, its format told by ``kind`` or by the ending of its name."""
    if path.is_dir():
        path = path / "ladder.json"
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if kind is None:
        kind = _BY_SUFFIX.get(path.suffix.lower())
    if kind is None or kind not in READERS:
        endings = ", ".join(_BY_SUFFIX)
        raise UsageError(
            f"{path}: format {kind or path.suffix!r} is not known; formats: {', '.join(READERS)} "
            f"(told by {endings})"
        )
    return READERS[kind](path, dataset)
