"""OML's image table: CSV with label, path, split, is_query, is_gallery.

Read: rows of split ``train`` are the training classes, rows of ``validation`` the test classes.
Written: two tables a level, because OML knows two sides and a fair run needs three.
``level_0_select.csv`` holds train against val, for choosing hyper-parameters and steps;
``level_0_test.csv`` holds train against test, for the one final evaluation.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from oodml.core.errors import DataError, UsageError
from oodml.core.files import read_text, write_text
from oodml.core.hashing import sha256_file
from oodml.shift.formats.base import Origin, SplitFormat, register_format
from oodml.shift.formats.draft import LevelDraft, SplitDraft
from oodml.shift.ladder.model import Ladder, Level

_COLUMNS = ("label", "path", "split", "is_query", "is_gallery")
_SIDES = {"train": "train", "validation": "test", "val": "test", "test": "test"}


@register_format("oml")
class OmlTable(SplitFormat):
    """OML's image table: CSV with label, path, split, is_query, is_gallery."""

    suffixes = (".csv",)

    def read(self, path: Path, dataset: str) -> SplitDraft:
        return read_oml_table(path, dataset)

    def write(self, ladder: Ladder, folder: Path, origin: Origin) -> list[Path]:
        return write_oml_tables(ladder, origin.images_of(), folder)


def read_oml_table(path: Path, dataset: str) -> SplitDraft:
    """One level out of an OML table; classes are named by ``class_name`` if there, else ``label``.

    Raises:
        DataError: not such a table, an unknown split, a class on both sides, an empty side, a path
            that stands twice; the message names line and column.
    """
    text = read_text(path)
    reader = csv.DictReader(io.StringIO(text))
    columns = reader.fieldnames or ()
    for name in _COLUMNS[:3]:
        if name not in columns:
            raise DataError(f"{path}: no column {name!r} (found: {', '.join(columns) or 'none'})")
    named = "class_name" if "class_name" in columns else "label"
    side_of: dict[str, str] = {}
    images_of: dict[str, list[str]] = {}
    seen: set[str] = set()
    for line, row in enumerate(reader, start=2):
        name, image, split = (row[c] or "" for c in (named, "path", "split"))
        if split not in _SIDES:
            raise DataError(f"{path}: line {line}: split {split!r}, expected train or validation")
        if not name or not image:
            raise DataError(f"{path}: line {line}: {named} and path must not be empty")
        if image in seen:
            raise DataError(f"{path}: line {line}: path {image!r} stands more than once")
        seen.add(image)
        if side_of.setdefault(name, _SIDES[split]) != _SIDES[split]:
            raise DataError(f"{path}: line {line}: class {name!r} stands on both sides")
        images_of.setdefault(name, []).append(image)
    sides = {
        side: tuple(sorted(n for n, s in side_of.items() if s == side))
        for side in ("train", "test")
    }
    for side, names in sides.items():
        if not names:
            raise DataError(f"{path}: no class on the {side} side")
    return SplitDraft(
        name=path.stem,
        dataset=dataset,
        levels=(LevelDraft(train=sides["train"], test=sides["test"], shift=math.nan),),
        source={"format": "oml", "file": path.name, "file_sha256": sha256_file(path)},
        images_of=images_of,
    )


def write_oml_tables(
    ladder: Ladder, images_of: Mapping[str, Sequence[str]], folder: Path
) -> list[Path]:
    """Two tables a level; ``images_of`` gives the paths of each class's images.

    Labels are numbers over all classes of the ladder, the same in every table.
    """
    missing = sorted(n for n in _classes(ladder) if n not in images_of)
    if missing:
        raise UsageError(
            f"class {missing[0]!r} (of {len(missing)}) of the ladder is not in the data set given"
        )
    numbers = {name: number for number, name in enumerate(sorted(_classes(ladder)))}
    written: list[Path] = []
    for level in ladder.levels:
        for kind, other in (("select", level.val), ("test", level.test)):
            if other:
                file = folder / f"level_{level.index}_{kind}.csv"
                write_text(file, _table(level, other, images_of, numbers))
                written.append(file)
    return written


def _table(
    level: Level,
    other: Sequence[str],
    images_of: Mapping[str, Sequence[str]],
    numbers: Mapping[str, int],
) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*_COLUMNS, "class_name"))
    for split, names in (("train", level.train), ("validation", other)):
        flag = "" if split == "train" else "True"
        for name in names:
            for image in sorted(images_of[name]):
                writer.writerow((numbers[name], image, split, flag, flag, name))
    return out.getvalue()


def _classes(ladder: Ladder) -> set[str]:
    return {name for level in ladder.levels for name in level.training_side + level.test}
