"""Image ids of a foreign split file exchanged for those of one's own data set.

The map is a CSV file with columns ``from`` (id in the split file) and ``to`` (id in the data set),
and ``class`` where an id stands in several classes: the ooDML authors' Cars196 file names images
by file name alone, and half of the names stand in two folders.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from oodml.core.errors import DataError, UsageError
from oodml.core.files import read_text
from oodml.core.hashing import sha256_file
from oodml.shift.formats.draft import SplitDraft
from oodml.shift.ladder.episodes import EpisodeTable

_Row = tuple[int, int, int, str, str]


@dataclass(frozen=True)
class IdMap:
    """Ids by (class, id in the split file); the class is "" for every class.

    Attributes:
        ids: (class or "", from) -> to.
        file: name of the file, for messages and the ladder.
        sha256: of the file.
    """

    ids: Mapping[tuple[str, str], str]
    file: str
    sha256: str


def read_id_map(path: Path) -> IdMap:
    """Read a map of ids.

    Raises:
        DataError: no such file, no CSV with these columns, an empty value, or an id that stands
            twice; the message names the line.
    """
    text = read_text(path)
    reader = csv.DictReader(io.StringIO(text))
    columns = reader.fieldnames or ()
    for name in ("from", "to"):
        if name not in columns:
            raise DataError(f"{path}: no column {name!r} (found: {', '.join(columns) or 'none'})")
    ids: dict[tuple[str, str], str] = {}
    for line, row in enumerate(reader, start=2):
        one, other = row["from"] or "", row["to"] or ""
        if not one or not other:
            raise DataError(f"{path}: line {line}: from and to must not be empty")
        key = (row.get("class") or "", one)
        if key in ids:
            raise DataError(f"{path}: line {line}: id {one!r} stands more than once")
        ids[key] = other
    return IdMap(ids, path.name, sha256_file(path))


def with_mapped_ids(draft: SplitDraft, id_map: IdMap) -> SplitDraft:
    """The draft with the ids of its episodes and image lists exchanged.

    Raises:
        UsageError: the split file names no images.
        DataError: an id that the map lacks, one that stands in several classes while the map names
            no class, or two images mapped to one.
    """
    if draft.episode_table is None and draft.images_of is None:
        raise UsageError("--id-map: the split file names no images, so there are no ids to map")
    named = set(_named_images(draft))
    to = {(name, image): _mapped(id_map, name, image) for name, image in sorted(named)}
    _check_one_to_one(id_map, to)
    table = draft.episode_table
    images_of = draft.images_of
    return replace(
        draft,
        episode_table=None if table is None else _mapped_table(table, to),
        images_of=None
        if images_of is None
        else {name: [to[name, image] for image in ids] for name, ids in images_of.items()},
        source={**draft.source, "id_map": id_map.file, "id_map_sha256": id_map.sha256},
    )


def _named_images(draft: SplitDraft) -> Iterable[tuple[str, str]]:
    """(class, id) of every image the file names."""
    if draft.episode_table is not None:
        yield from zip(draft.episode_table.classes, draft.episode_table.ids, strict=True)
    for name, ids in (draft.images_of or {}).items():
        yield from ((name, image) for image in ids)


def _mapped(id_map: IdMap, name: str, image: str) -> str:
    found = id_map.ids.get((name, image)) or id_map.ids.get(("", image))
    if found is None:
        raise DataError(f"{id_map.file}: no row from {image!r} (class {name!r}), which the split "
                        "file names")  # fmt: skip
    return found


def _check_one_to_one(id_map: IdMap, to: Mapping[tuple[str, str], str]) -> None:
    origin: dict[str, tuple[str, str]] = {}
    for (name, image), target in to.items():
        other = origin.setdefault(target, (name, image))
        if other == (name, image):
            continue
        if other[1] == image:
            raise DataError(
                f"{id_map.file}: id {image!r} stands in classes {other[0]!r} and {name!r} of the "
                "split file; say which in a column 'class'"
            )
        raise DataError(f"{id_map.file}: {other[1]!r} and {image!r} both go to {target!r}")


def _mapped_table(table: EpisodeTable, to: Mapping[tuple[str, str], str]) -> EpisodeTable:
    numbers = zip(table.level.tolist(), table.shots.tolist(), table.episode.tolist(), strict=True)
    rows: list[_Row] = sorted(
        (*where, name, to[name, image])
        for where, name, image in zip(numbers, table.classes, table.ids, strict=True)
    )
    # Sorting moves rows only within a (level, shots, episode, class).
    return replace(table, classes=tuple(row[3] for row in rows), ids=tuple(row[4] for row in rows))
