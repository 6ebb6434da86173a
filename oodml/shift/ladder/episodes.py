"""Few-shot episodes: which images of the test classes are support, in which draw."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oodml.core.errors import DataError, IntegrityError, UsageError
from oodml.core.hashing import canonical_json, derived_seed
from oodml.core.parquet import read_table, write_table
from oodml.core.short_repr import short_fields

_SCHEMA = pa.schema(
    [
        ("level", pa.int32()),
        ("shots", pa.int32()),
        ("episode", pa.int32()),
        ("class", pa.string()),
        ("id", pa.string()),
    ]
)
# Rows hashed together; part of what the hash means.
_HASHED_ROWS = 1 << 17


@dataclass(frozen=True, repr=False)
class EpisodeTable:
    """Support images of all levels, a row an image, sorted by every column from left to right.

    Attributes:
        level, shots, episode: [R] int32.
        classes, ids: R class names and image ids.
        per_level: episodes of each (level, shots).
        left_out: (level, shots) -> test classes with fewer than shots + 1 images, with counts.
    """

    level: NDArray[np.int32]
    shots: NDArray[np.int32]
    episode: NDArray[np.int32]
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    per_level: int
    left_out: Mapping[tuple[int, int], Mapping[str, int]] = field(default_factory=dict)

    @cached_property
    def all_shots(self) -> tuple[int, ...]:
        known = set(self.shots.tolist()) | {shots for _, shots in self.left_out}
        return tuple(sorted(known))

    def episodes(self, level: int, shots: int) -> list[dict[str, list[str]]]:
        """Per episode, class name -> support ids; classes and ids sorted."""
        if shots not in self.all_shots:
            known = ", ".join(map(str, self.all_shots)) or "none"
            raise UsageError(f"no {shots}-shot episodes in this ladder (it has: {known})")
        drawn: list[dict[str, list[str]]] = [{} for _ in range(self.per_level)]
        for row in np.flatnonzero((self.level == level) & (self.shots == shots)):
            drawn[self.episode[row]].setdefault(self.classes[row], []).append(self.ids[row])
        return drawn

    @cached_property
    def sha256(self) -> str:
        """Hash of the rows (not of the Parquet bytes, which change with the writer)."""
        digest = hashlib.sha256()
        for start in range(0, max(1, len(self.ids)), _HASHED_ROWS):
            part = slice(start, start + _HASHED_ROWS)
            numbers = [column[part].tolist() for column in (self.level, self.shots, self.episode)]
            content = [*numbers, list(self.classes[part]), list(self.ids[part])]
            digest.update(canonical_json(content).encode("utf-8"))
        return digest.hexdigest()

    __repr__ = short_fields


def draw_episodes(
    test_classes: Sequence[Sequence[str]],
    images_of: Mapping[str, Sequence[str]],
    *,
    shots: Sequence[int],
    episodes: int,
    seed: int,
) -> EpisodeTable:
    """Draw supports for every level, number of shots and episode.

    Each draw has a seed of its own, and classes and images are taken in sorted order, so a draw
    depends neither on the order of the input nor on the other draws.
    """
    parts: list[tuple[NDArray[np.int32], list[str], list[str]]] = []
    left_out: dict[tuple[int, int], dict[str, int]] = {}
    for level, names in enumerate(test_classes):
        for count in sorted(set(shots)):
            few = {n: len(images_of[n]) for n in sorted(names) if len(images_of[n]) <= count}
            left_out[level, count] = few
            pool = _Pool([n for n in sorted(names) if n not in few], images_of)
            for episode in range(episodes):
                chosen = pool.draw(count, derived_seed("episode", seed, level, count, episode))
                numbers = np.tile(np.array([[level, count, episode]], np.int32), (len(chosen), 1))
                parts.append(
                    (numbers, [pool.classes[i] for i in chosen], [pool.ids[i] for i in chosen])
                )
    numbers = np.concatenate([p[0] for p in parts]) if parts else np.empty((0, 3), np.int32)
    return EpisodeTable(
        level=numbers[:, 0],
        shots=numbers[:, 1],
        episode=numbers[:, 2],
        classes=tuple(name for p in parts for name in p[1]),
        ids=tuple(image for p in parts for image in p[2]),
        per_level=episodes,
        left_out=left_out,
    )


class _Pool:
    """Images of some classes, sorted by class and id."""

    def __init__(self, names: Sequence[str], images_of: Mapping[str, Sequence[str]]) -> None:
        ordered = [(name, image) for name in names for image in sorted(images_of[name])]
        self.classes = [name for name, _ in ordered]
        self.ids = [image for _, image in ordered]
        sizes = [len(images_of[name]) for name in names]
        self._group = np.repeat(np.arange(len(sizes)), sizes)
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)

    def draw(self, shots: int, seed: int) -> list[int]:
        """Positions of ``shots`` images of every class, sorted."""
        if not self.ids:
            return []
        keys = np.random.default_rng(seed).random(len(self.ids))
        by_key = np.lexsort((keys, self._group))
        first = (self._starts[:, None] + np.arange(shots)).reshape(-1)
        return sorted(by_key[first].tolist())


def write_episodes(path: Path, table: EpisodeTable) -> None:
    """Write the rows as Parquet, atomically."""
    columns = [
        pa.array(table.level, pa.int32()),
        pa.array(table.shots, pa.int32()),
        pa.array(table.episode, pa.int32()),
        pa.array(table.classes, pa.string()),
        pa.array(table.ids, pa.string()),
    ]
    write_table(path, pa.Table.from_arrays(columns, schema=_SCHEMA))


def read_episodes(
    path: Path, per_level: int, left_out: Mapping[tuple[int, int], Mapping[str, int]]
) -> EpisodeTable:
    """Read the rows; raises IntegrityError when the file is not such a table."""
    try:
        table = read_table(path)
    except DataError as error:
        raise IntegrityError(
            f"{error}, but ladder.json names it; restore it or make the ladder again"
        ) from None
    if not table.schema.equals(_SCHEMA):
        raise IntegrityError(f"{path}: columns {table.schema.names}, expected {_SCHEMA.names}")
    if any(table[name].null_count for name in _SCHEMA.names):
        raise IntegrityError(f"{path}: empty values; restore the file or make the ladder again")
    return EpisodeTable(
        level=table["level"].to_numpy(),
        shots=table["shots"].to_numpy(),
        episode=table["episode"].to_numpy(),
        classes=tuple(table["class"].to_pylist()),
        ids=tuple(table["id"].to_pylist()),
        per_level=per_level,
        left_out=left_out,
    )
