"""What differs between two ladders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oodml.shift.ladder.model import Ladder, Level

_FIELDS = (
    "name",
    "dataset",
    "dataset_fingerprint",
    "generator",
    "measure",
    "seed",
    "features",
    "options",
)


@dataclass(frozen=True)
class LevelDiff:
    """Level ``index`` of both ladders; a side None where one ladder has no such level.

    Attributes:
        shift: (first, second).
        only_first, only_second: test classes of one that are not test classes of the other.
        overlap: shared test classes over all test classes of both (Jaccard).
        same_lists: train, val and test equal.
    """

    index: int
    shift: tuple[float | None, float | None]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    overlap: float
    same_lists: bool


@dataclass(frozen=True)
class LadderDiff:
    """Fields that differ (name -> both values), every level, and whether the episodes are equal."""

    fields: dict[str, tuple[Any, Any]]
    levels: tuple[LevelDiff, ...]
    same_episodes: bool

    @property
    def same_splits(self) -> bool:
        """All class lists and episodes equal, whatever the ladders are called."""
        return self.same_episodes and all(level.same_lists for level in self.levels)


def diff_ladders(first: Ladder, second: Ladder) -> LadderDiff:
    """Compare two ladders field by field and level by level."""
    fields = {
        name: (getattr(first, name), getattr(second, name))
        for name in _FIELDS
        if getattr(first, name) != getattr(second, name)
    }
    count = max(len(first.levels), len(second.levels))
    levels = tuple(
        _level_diff(index, *(_level(ladder, index) for ladder in (first, second)))
        for index in range(count)
    )
    tables = [ladder.episode_table for ladder in (first, second)]
    hashes = {table.sha256 if table is not None else None for table in tables}
    return LadderDiff(fields, levels, len(hashes) == 1)


def _level_diff(index: int, one: Level | None, other: Level | None) -> LevelDiff:
    tests = [set(level.test) if level else set() for level in (one, other)]
    union = tests[0] | tests[1]
    same = (
        one is not None
        and other is not None
        and (one.train, one.val, one.test) == (other.train, other.val, other.test)
    )
    return LevelDiff(
        index=index,
        shift=(one.shift if one else None, other.shift if other else None),
        only_first=tuple(sorted(tests[0] - tests[1])),
        only_second=tuple(sorted(tests[1] - tests[0])),
        overlap=len(tests[0] & tests[1]) / len(union) if union else 1.0,
        same_lists=same,
    )


def _level(ladder: Ladder, index: int) -> Level | None:
    return ladder.levels[index] if index < len(ladder.levels) else None
