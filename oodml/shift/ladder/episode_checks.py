"""Rules for few-shot episodes, checked column by column: SOP has millions of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oodml.shift.ladder.episodes import EpisodeTable


def episode_problems(table: EpisodeTable, tests: Sequence[Sequence[str]]) -> Iterator[str]:
    """What is wrong with the episodes of levels with these test classes.

    Rows must be unique and sorted, levels and episodes in range, and every episode must hold
    ``shots`` images of every test class that the table does not name as left out.
    """
    names, classes = _codes(table.classes)
    _, ids = _codes(table.ids)
    columns: list[NDArray[Any]] = [table.level, table.shots, table.episode, classes, ids]
    if not _strictly_sorted(columns):
        yield "rows must be unique and sorted"
        return
    if len(classes) and not (table.level.min() >= 0 and table.level.max() < len(tests)):
        yield f"levels {table.level.min()} to {table.level.max()}, but there are {len(tests)}"
        return
    if len(classes) and not (table.episode.min() >= 0 and table.episode.max() < table.per_level):
        yield f"episode {table.episode.max()}, expected 0 to {table.per_level - 1}"
        return
    code_of = {name: code for code, name in enumerate(names)}
    for level, members in enumerate(tests):
        for shots in table.all_shots:
            wanted = set(members) - set(table.left_out.get((level, shots), {}))
            codes = np.array(sorted(code_of.get(name, -1) for name in wanted), dtype=np.int64)
            expected = np.repeat(codes, shots)
            rows = (table.level == level) & (table.shots == shots)
            episodes, drawn = table.episode[rows], classes[rows]
            for episode in range(table.per_level):
                found = drawn[episodes == episode]
                if not np.array_equal(found, expected):
                    where = f"level {level}, {shots} shots, episode {episode}"
                    yield f"{where}: {_difference(found, wanted, names, shots)}"
                    return


def _difference(found: NDArray[np.int64], wanted: set[str], names: list[str], shots: int) -> str:
    codes, counts = np.unique(found, return_counts=True)
    count_of = {names[code]: int(count) for code, count in zip(codes, counts, strict=True)}
    for name in sorted(count_of):
        if name not in wanted:
            return f"class {name!r} is not a test class with enough images"
    for name in sorted(wanted):
        if count_of.get(name, 0) != shots:
            return f"class {name!r} has {count_of.get(name, 0)} support images, expected {shots}"
    return "rows out of order"


def _codes(values: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Sorted distinct values, and for every entry its place among them."""
    encoded: Any = pa.array(values, pa.string()).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    return [names[place] for place in order], rank[indices] if len(names) else np.empty(0, np.int64)


def _strictly_sorted(columns: Sequence[NDArray[Any]]) -> bool:
    """Whether rows grow strictly in lexicographic order."""
    undecided = np.ones(max(0, len(columns[0]) - 1), dtype=bool)
    for column in columns:
        step = np.diff(column.astype(np.int64))
        if (undecided & (step < 0)).any():
            return False
        undecided &= step == 0
    return not undecided.any()
