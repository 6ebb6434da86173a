"""Verification: are two test images of the same class?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.core.values import shown
from oodml.evaluation import verification
from oodml.runs.plan.split import Split
from oodml.runs.results.row import result_row
from oodml.runs.tasks.base import Task, TaskContext, TaskOutput, register_task
from oodml.shift import Ladder

_INTERVAL = "none: one value of all pairs"


@register_task("verification")
class Verification(Task):
    """Accuracy, AUC, equal error rate and true accept rates on seeded pairs of test items.

    Half of the pairs are of one class, drawn uniformly from all such pairs; no pair stands twice.
    All methods and seeds of a split score the same pairs. Where the test items do not give as many,
    there are fewer, and ``n`` says how many.
    """

    pairs = Parameter(6000, "pairs, half of them of one class", minimum=20)
    folds = Parameter(10, "folds of the accuracy's threshold", minimum=2)
    fars = Parameter((0.1, 0.01, 0.001), "false accept rates of the true accept rates")

    def check(self) -> None:
        for one in self.fars:
            if type(one) is not float or not 0 < one < 1:
                raise UsageError(f"fars: expected numbers between 0 and 1, got {shown(one)}")

    def metric_names(self) -> tuple[str, ...]:
        rates = (f"tar_at_far_{far:g}" for far in self.fars)
        return tuple(f"verification_{name}" for name in ("accuracy", "auc", "eer", *rates))

    def check_split(self, split: Split, ladder: Ladder) -> None:
        same, different = _pair_counts(split.test.labels)
        if min(same, different) < self.folds:
            raise UsageError(
                f"{split.condition}, level {split.level}: the test items give {same} pairs of one "
                f"class and {different} of two, fewer than the {self.folds} folds"
            )

    def run(self, context: TaskContext) -> TaskOutput:
        seed = context.cell.shared_seed("verification")
        first, second, same = draw_pairs(context.split.test.labels, self.pairs, seed)
        kind = len(first) // 2
        report = verification(
            context.embeddings,
            first,
            second,
            same,
            folds=np.tile(np.arange(kind) % self.folds, 2),  # balanced in every fold
            fars=self.fars,
        )
        values = {"accuracy": report.accuracy, "auc": report.auc, "eer": report.eer}
        values |= {f"tar_at_far_{far:g}": tar for far, tar in report.tar_at_far.items()}
        return TaskOutput(
            [
                result_row(f"verification_{name}", value, len(first), None, interval=_INTERVAL)
                for name, value in values.items()
            ]
        )


def draw_pairs(
    labels: NDArray[np.int64], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """``count`` pairs of different items, first the same half: (first [M], second [M], same [M]).

    As many pairs of one class as of two; fewer than ``count`` where the items do not give them.
    """
    each = min(count // 2, *_pair_counts(labels))
    random = np.random.default_rng(seed)
    same = _same_pairs(labels, each, random)
    different = _different_pairs(labels, each, random)
    first, second = np.concatenate([same, different]).T
    return first, second, np.arange(2 * each) < each


def _pair_counts(labels: NDArray[np.int64]) -> tuple[int, int]:
    sizes = np.bincount(labels)
    same = int((sizes * (sizes - 1) // 2).sum())
    return same, len(labels) * (len(labels) - 1) // 2 - same


def _same_pairs(
    labels: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Pairs are numbered class by class, and numbers are drawn: int64 [count, 2]."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    ends = np.cumsum(sizes * (sizes - 1) // 2)
    numbers = random.choice(int(ends[-1]), count, replace=False)
    owner = np.searchsorted(ends, numbers, side="right")
    within = numbers - (ends - sizes * (sizes - 1) // 2)[owner]
    # number b * (b - 1) / 2 + a is the pair a < b
    larger = ((1 + np.sqrt(1 + 8 * within)) // 2).astype(np.int64)
    larger += larger * (larger + 1) // 2 <= within  # where the root was rounded down
    larger -= larger * (larger - 1) // 2 > within
    smaller = within - larger * (larger - 1) // 2
    return np.stack([order[starts[owner] + smaller], order[starts[owner] + larger]], axis=1)


def _different_pairs(
    labels: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Pairs of items are drawn until enough different ones of two classes are there."""
    items = len(labels)
    numbers = np.empty(0, np.int64)
    while len(numbers) < count:
        drawn = np.sort(random.integers(0, items, (2 * count + 16, 2)), axis=1)
        drawn = drawn[labels[drawn[:, 0]] != labels[drawn[:, 1]]]
        fresh = np.concatenate([numbers, drawn[:, 0] * items + drawn[:, 1]])
        _, places = np.unique(fresh, return_index=True)
        numbers = fresh[np.sort(places)]
    return np.stack(np.divmod(numbers[:count], items), axis=1)
