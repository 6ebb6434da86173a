"""Methods x levels for one metric: mean over seeds, with a named spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oodml.core.errors import OodmlError, UsageError
from oodml.evaluation import t_interval

Spread = Callable[[NDArray[np.float64]], float]


def _standard_deviation(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1))


def _standard_error(values: NDArray[np.float64]) -> float:
    return _standard_deviation(values) / len(values) ** 0.5


def _t_half_width(values: NDArray[np.float64]) -> float:
    return t_interval(values, over="seeds").half_width


# What the number behind ± is; every table names it.
ESTIMATORS: dict[str, tuple[str, Spread]] = {
    "std": ("sample standard deviation over seeds", _standard_deviation),
    "sem": ("standard error over seeds", _standard_error),
    "t95": ("half width of the 95 % t-interval over seeds", _t_half_width),
}


@dataclass(frozen=True)
class Entry:
    """One place of the table.

    Attributes:
        mean: over seeds, as a fraction.
        spread: by the summary's estimator; NaN with fewer than two seeds.
        seeds: how many.
    """

    mean: float
    spread: float
    seeds: int


@dataclass(frozen=True)
class LevelColumn:
    """A level of the ladder as a column: its number, shift and test side."""

    level: int
    shift: float
    test_classes: int
    test_images: int


@dataclass(frozen=True)
class Summary:
    """A metric over methods x levels.

    Attributes:
        metric: its name.
        levels: columns by growing level.
        labels: rows: methods that do not train first, then in order of the mean over levels.
        reference: the labels of methods that do not train.
        entries: (label, level) -> Entry; missing where a cell is.
        estimator: key into ESTIMATORS.
        context: data set, backbone, mode, selection rule, protocol, ladder: each one value.
    """

    metric: str
    levels: tuple[LevelColumn, ...]
    labels: tuple[str, ...]
    reference: frozenset[str]
    entries: dict[tuple[str, int], Entry]
    estimator: str
    context: dict[str, str]

    @property
    def seed_counts(self) -> tuple[int, ...]:
        """Different numbers of seeds behind trained entries, ascending."""
        trained = {e.seeds for (label, _), e in self.entries.items() if label not in self.reference}
        return tuple(sorted(trained))

    def best(self, level: int) -> set[str]:
        """Labels with the highest mean of a level (several where they are equal)."""
        means = {label: e.mean for (label, at), e in self.entries.items() if at == level}
        top = max(means.values(), default=float("nan"))
        return {label for label, mean in means.items() if mean == top}

    def mean_over_levels(self, label: str) -> float:
        """NaN when a level is missing: means over different levels do not compare."""
        means = [
            self.entries[label, c.level].mean
            for c in self.levels
            if (label, c.level) in self.entries
        ]
        return float(np.mean(means)) if len(means) == len(self.levels) else float("nan")

    @property
    def caption(self) -> str:
        """One sentence that names everything the numbers depend on."""
        c = self.context
        seeds = " or ".join(map(str, self.seed_counts)) or "no"
        spread = (
            f"± {ESTIMATORS[self.estimator][0]} (n = {seeds})"
            if any(n > 1 for n in self.seed_counts)
            else "one seed, no ±"
        )
        return (
            f"{self.metric} (%) on {c['dataset']}, ladder {c['ladder']}; backbone {c['backbone']}, "
            f"mode {c['mode']}, selection {c['selection']}; {spread}; protocol {c['protocol']}."
        )


def summarise(
    results: pd.DataFrame, metric: str = "recall_at_1", estimator: str = "std"
) -> Summary:
    """Summarise one metric of a results table.

    Raises:
        UsageError: the metric is not in the table, or an unknown estimator.
        OodmlError: rows of different data sets, ladders, backbones, modes, selection rules or
            protocols, which must not share a table.
    """
    if estimator not in ESTIMATORS:
        raise UsageError(f"estimator {estimator!r}: expected one of {', '.join(ESTIMATORS)}")
    rows = results[results["metric"] == metric]
    if rows.empty:
        known = ", ".join(sorted(results["metric"].unique()))
        raise UsageError(f"metric {metric!r} is not in the results (they have: {known})")
    trained = rows[rows["trains"]]
    context = {
        "dataset": _single(rows, "dataset"),
        "ladder": f"{_single(rows, 'ladder')} ({_single(rows, 'ladder_sha256')[:12]})",
        "backbone": _single(rows, "backbone"),
        "mode": _single(trained, "mode"),
        "selection": _single(trained, "selection"),
        "protocol": _single(rows, "protocol"),
        "shift_measure": _single(rows, "shift_measure"),
    }
    _single(trained, "training")
    spread = ESTIMATORS[estimator][1]
    entries = {}
    for (label, level), group in rows.groupby(["label", "level"], sort=False):
        values = group["value"].to_numpy(np.float64)
        wide = spread(values) if len(values) > 1 else float("nan")
        entries[str(label), int(level)] = Entry(float(values.mean()), wide, len(values))
    columns = rows.drop_duplicates("level").sort_values("level")
    levels = tuple(
        LevelColumn(int(r.level), float(r.shift), int(r.test_classes), int(r.test_images))
        for r in columns.itertuples()
    )
    reference = frozenset(rows.loc[~rows["trains"], "label"])
    unsorted = Summary(metric, levels, (), reference, entries, estimator, context)

    def rank(label: str) -> tuple[bool, float, str]:
        mean = unsorted.mean_over_levels(label)
        return label not in reference, np.inf if np.isnan(mean) else -mean, label

    labels = tuple(sorted({label for label, _ in entries}, key=rank))
    return Summary(metric, levels, labels, reference, entries, estimator, context)


def _single(rows: pd.DataFrame, column: str) -> str:
    values = sorted(map(str, rows[column].unique()))
    if len(values) > 1:
        raise OodmlError(
            f"results with different {column} do not share a table: "
            + ", ".join(value[:60] for value in values)
        )
    return values[0] if values else "none"
