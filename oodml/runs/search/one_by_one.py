"""Trials in the light of those before, continued where an earlier call was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from oodml.core.errors import OodmlError
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.results import read_results
from oodml.runs.search.choice import mean_scores, whole_points
from oodml.runs.search.drawing import Drawing
from oodml.runs.search.points import Point
from oodml.runs.search.run_points import run_points, search_spec


def one_by_one(
    drawing: Drawing, trials: int, out: Path, arguments: dict[str, Any]
) -> tuple[pd.DataFrame, str | None]:
    """Each trial of all methods in the light of those before; a failed point is tried once."""
    first_failure: str | None = None
    lost: set[str] = set()
    rows = pd.DataFrame()
    scores: dict[str, float] = {}
    there = _continued(drawing, trials, out)
    # the last one that is there may lack cells, so it is asked for again
    for trial in range(max(0, there - 1), trials):
        if trial >= there:
            drawing.add(trial, scores)
        lasting = [one for one in drawing.every if one.label not in lost]
        rows, failure = run_points(drawing.spec, lasting, out, arguments)
        first_failure = first_failure or failure
        scores = _whole_scores(rows, out, lasting)
        lost |= {one.label for one in lasting} - set(scores)
    return rows, first_failure


def _continued(drawing: Drawing, trials: int, out: Path) -> int:
    """Add the trials an earlier call left in ``out``; returns how many.

    Suggestions are a function of the scores before, so those of the folder's results give them
    again. They count where the points are exactly those of the folder's plan; otherwise every trial
    is asked for again, and its cells that are done are found done.
    """
    try:
        plan, rows = read_plan(out), read_results(out)
    except OodmlError:  # nothing there yet, or not readable: the run says so
        return 0
    again = Drawing(drawing.spec, drawing.ranges, drawing.sampler, drawing.seed)
    scores: dict[str, float] = {}
    for trial in range(trials):
        again.add(trial, scores)
        if search_spec(again.spec, again.every).sha256 == plan.spec_sha256:
            drawing.points = again.points
            return trial + 1
        scores = _whole_scores(rows, out, again.every)
        if len(scores) < len({one.label for one in again.every}):
            return 0
    return 0


def _whole_scores(rows: pd.DataFrame, out: Path, points: Sequence[Point]) -> dict[str, float]:
    whole = {one.label for one in whole_points(rows, out, points)}
    return {label: score for label, score in mean_scores(rows).items() if label in whole}
