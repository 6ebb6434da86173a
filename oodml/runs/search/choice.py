"""What a search chose for a method, and how far the other points lie behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from oodml.evaluation import Estimate
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.search.points import Point, Searched
from oodml.runs.search.ranges import Range, at_grid_edge, at_range_edge
from oodml.runs.search.uncertainty import behind, class_values, interval_of

METRIC = "map_at_r"  # Recall@1 saturates on few validation classes


@dataclass(frozen=True)
class Choice:
    """What was chosen for one method.

    Attributes:
        method: the label without the searched values.
        values: parameter -> chosen value.
        score: mean validation score of them.
        scores: for each point, its values and mean score, in the order they were tried.
        at_edge: parameters whose chosen value is an end of what was searched, so that more may be
            better.
        interval: of the score, over validation classes; None where the cells' values by class are
            not at hand. The best of many points is too high a score by what chance gives it.
        behind: for each point, what it scores less than the chosen one, with its interval over the
            same classes; None for the chosen one.
        entry: the method's table in the resolved spec, without the searched values.
    """

    method: str
    values: dict[str, Any]
    score: float
    scores: list[tuple[dict[str, Any], float]]
    at_edge: tuple[str, ...]
    interval: Estimate | None = None
    behind: tuple[Estimate | None, ...] = ()
    entry: dict[str, Any] | None = None


def whole_points(rows: pd.DataFrame, out: Path, points: Sequence[Point]) -> list[Point]:
    """Those with a score of every cell: a mean of fewer levels or seeds compares with no other."""
    planned = Counter(cell.label for cell in read_plan(out).cells)
    found = rows[rows["metric"] == METRIC]["label"].value_counts()
    return [
        one
        for one in points
        if planned[one.label] and found.get(one.label, 0) == planned[one.label]
    ]


def mean_scores(rows: pd.DataFrame) -> dict[str, float]:
    """Label -> mean validation score over settings, levels and seeds."""
    means = rows[rows["metric"] == METRIC].groupby("label")["value"].mean()
    return {str(label): float(value) for label, value in means.items()}


def choose(
    rows: pd.DataFrame,
    out: Path,
    method: Searched,
    points: Sequence[Point],
    ranges: dict[str, Range] | None,
) -> Choice:
    """The best of ``points``, of equal ones the first.

    Args:
        points: at least one, with a score of every cell.
        ranges: what they were drawn from; None for a grid.
    """
    means = mean_scores(rows)
    scores = [(one.values, means[one.label]) for one in points]
    best = max(range(len(points)), key=lambda place: scores[place][1])
    values, score = scores[best]
    if ranges is None:
        listed = {key: [one.values[key] for one in points] for key in values}
        edges = [key for key, value in values.items() if at_grid_edge(value, listed[key])]
    else:
        edges = [key for key, value in values.items() if at_range_edge(value, ranges[key])]
    metric = rows[rows["metric"] == METRIC]
    sums = [class_values(out, metric[metric["label"] == one.label], METRIC) for one in points]
    differences = tuple(
        None if place == best else behind(sums[best], other) for place, other in enumerate(sums)
    )
    interval = interval_of(sums[best])
    return Choice(
        method.label, values, score, scores, tuple(edges), interval, differences, method.entry
    )
