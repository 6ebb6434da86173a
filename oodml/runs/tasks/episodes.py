"""Few-shot episodes of a split: the ladder's own for ``forward``, drawn alike for the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.values import shown
from oodml.runs.plan.split import ItemTable, Split
from oodml.runs.tasks.base import TaskContext
from oodml.shift import Ladder
from oodml.shift.ladder.episodes import draw_episodes


@dataclass(frozen=True)
class Episode:
    """Places (into the split's test items) of support and query.

    Attributes:
        support, query: int64 [s] and [q].
        support_labels, query_labels: their classes as 0..C-1, sorted by class name.
    """

    support: NDArray[np.int64]
    support_labels: NDArray[np.int64]
    query: NDArray[np.int64]
    query_labels: NDArray[np.int64]


def split_episodes(context: TaskContext, shots: int, count: int, ways: int = 0) -> list[Episode]:
    """Up to ``count`` episodes with ``shots`` support images a class.

    With ``ways`` an episode keeps so many of its classes, drawn from a seed that all methods share.

    Test items of the support's classes that are not support are queries. Episodes of fewer than
    two classes are left out: there is nothing to tell apart.

    The ladder's episodes are of its levels as they stand. Under another condition the test items
    are others, so supports are drawn by the same rule, from a seed that all methods share.
    """
    test = context.split.test
    if context.split.condition == "forward":
        drawn = context.ladder.episodes(context.split.level, shots)[:count]
    else:
        images: dict[str, list[str]] = {name: [] for name in test.class_names}
        for row, name in zip(test.rows, test.names, strict=True):
            images[name].append(context.items.ids[row])
        seed = context.cell.shared_seed("episodes")
        table = draw_episodes([test.class_names], images, shots=[shots], episodes=count, seed=seed)
        drawn = table.episodes(0, shots)
    if ways:
        seeds = [context.cell.shared_seed("ways", shots, number) for number in range(len(drawn))]
        drawn = [_some_classes(one, ways, seed) for one, seed in zip(drawn, seeds, strict=True)]
    found = [_episode(one, test.labels, test.rows, context.items) for one in drawn]
    return [episode for episode in found if episode is not None]


def check_shots(shots: Iterable[object], split: Split, ladder: Ladder) -> None:
    """UsageError where the ladder has no episodes of so many shots."""
    if split.condition != "forward":
        return
    known = ladder.episode_table.all_shots if ladder.episode_table is not None else ()
    missing = [one for one in shots if one not in known]
    if missing:
        has = ", ".join(map(str, known)) or "none"
        raise UsageError(
            f"ladder {ladder.name!r} has no {missing[0]}-shot episodes (it has: {has}); change "
            "shots, or make a ladder with them"
        )


def check_shot_numbers(shots: Iterable[object]) -> None:
    """UsageError unless every number of shots is a positive integer."""
    for one in shots:
        if type(one) is not int or not 1 <= one <= 100_000:
            raise UsageError(
                f"shots: expected positive integers (at most 100000), got {shown(one)}"
            )


def _some_classes(drawn: dict[str, list[str]], ways: int, seed: int) -> dict[str, list[str]]:
    names = sorted(drawn)
    if len(names) <= ways:
        return drawn
    chosen = np.random.default_rng(seed).choice(len(names), ways, replace=False)
    return {names[place]: drawn[names[place]] for place in sorted(chosen)}


def _episode(
    drawn: dict[str, list[str]],
    test_labels: NDArray[np.int64],
    test_rows: NDArray[np.int64],
    items: ItemTable,
) -> Episode | None:
    classes = sorted(drawn)
    if len(classes) < 2:
        return None
    rows = np.array([items.row_of[i] for c in classes for i in drawn[c]], dtype=np.int64)
    support = np.searchsorted(test_rows, rows)
    labels = np.repeat(np.arange(len(classes)), [len(drawn[c]) for c in classes])
    code_of = np.full(int(test_labels.max()) + 1, -1, dtype=np.int64)
    code_of[test_labels[support]] = labels
    asked = code_of[test_labels] >= 0
    asked[support] = False
    query = np.flatnonzero(asked)
    return Episode(support, labels, query, code_of[test_labels[query]])
