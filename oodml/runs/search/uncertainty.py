"""Scores of points with intervals over validation classes, all levels of a class together."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from oodml.evaluation import ClassSums, Estimate, paired_bootstrap_of
from oodml.evaluation.uncertainty import bootstrap_intervals_of
from oodml.runs.results import class_sums

_RESAMPLES = 2_000  # as behind the stored intervals of the cells


def class_values(out: Path, rows: pd.DataFrame, metric: str) -> ClassSums | None:
    """What each validation class adds to a point's mean score; None where a cell lacks its file.

    A class is one unit on all the levels and seeds it is scored on, for these are not independent.
    The values average to the score.
    """
    shares: dict[str, float] = defaultdict(float)
    for run_id, dataset in zip(rows["run_id"], rows["dataset"], strict=True):
        one = class_sums(out, str(run_id), metric)
        if one is None:
            return None
        for name, total in zip(one.names, one.sums[0], strict=True):
            shares[f"{dataset}/{name}"] += float(total / one.counts.sum()) / len(rows)
    names = tuple(sorted(shares))
    if len(names) < 2:
        return None
    values = len(names) * np.array([[shares[name] for name in names]])
    return ClassSums(values, np.ones(len(names)), names)


def interval_of(one: ClassSums | None) -> Estimate | None:
    """The score with its interval over classes."""
    if one is None:
        return None
    return bootstrap_intervals_of({"score": one}, resamples=_RESAMPLES)["score"]


def behind(best: ClassSums | None, other: ClassSums | None) -> Estimate | None:
    """What ``other`` scores less than ``best``, paired by class: a negative value."""
    if best is None or other is None or best.names != other.names:
        return None
    return paired_bootstrap_of(other, best, resamples=_RESAMPLES)
