"""Class lists a user wrote by hand: plain JSON with train and test classes a level."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from oodml.core.errors import DataError
from oodml.core.files import read_json
from oodml.core.hashing import sha256_file
from oodml.shift.formats.base import SplitFormat, register_format
from oodml.shift.formats.draft import LevelDraft, SplitDraft

_WHAT = '{"levels": [{"train": [class names], "test": [...], "val": [...] (optional)}, ...]}'


@register_format("class-lists")
class ClassLists(SplitFormat):
    """Plain JSON with train and test classes a level, as one writes it by hand."""

    suffixes = (".json",)

    def read(self, path: Path, dataset: str) -> SplitDraft:
        return read_class_lists(path, dataset)


def read_class_lists(path: Path, dataset: str) -> SplitDraft:
    """Levels out of ``{"levels": [{"train": ..., "test": ..., "val": ...}]}`` or a single level.

    A ladder.json is such a file too: its class lists are read and everything else is made again.

    Raises:
        DataError: another structure; the message names level and field.
    """
    content = read_json(path)
    if isinstance(content, dict) and "levels" not in content and "train" in content:
        content = {"levels": [content]}
    if not isinstance(content, dict) or not isinstance(content.get("levels"), list):
        raise DataError(f"{path}: expected {_WHAT}")
    if not content["levels"]:
        raise DataError(f"{path}: levels is empty; expected {_WHAT}")
    return SplitDraft(
        name=str(content.get("name") or path.stem),
        dataset=dataset or str(content.get("dataset") or ""),
        levels=tuple(
            _level(f"{path}: levels.{index}", entry)
            for index, entry in enumerate(content["levels"])
        ),
        source={"format": "class-lists", "file": path.name, "file_sha256": sha256_file(path)},
    )


def _level(where: str, entry: Any) -> LevelDraft:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: expected an object with train and test")
    sides = {side: _names(f"{where}.{side}", entry.get(side)) for side in ("train", "test")}
    val = _names(f"{where}.val", entry["val"]) if entry.get("val") else None
    for one, other in (("train", "test"), ("train", "val"), ("val", "test")):
        first = sides.get(one) or val or ()
        second = sides.get(other) or val or ()
        shared = sorted(set(first) & set(second)) if val or "val" not in (one, other) else []
        if shared:
            raise DataError(f"{where}: class {shared[0]!r} stands in both {one} and {other}")
    return LevelDraft(train=sides["train"], test=sides["test"], val=val, shift=math.nan)


def _names(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(n, str) for n in value):
        raise DataError(f"{where}: expected a list of class names")
    if len(set(value)) != len(value):
        twice = next(n for n in value if value.count(n) > 1)
        raise DataError(f"{where}: class {twice!r} stands more than once")
    return tuple(sorted(value))
