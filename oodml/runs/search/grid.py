"""Every point of a declared grid."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oodml.runs.plan.spec import BenchmarkSpec, as_spec
from oodml.runs.search.choice import Choice, choose, whole_points
from oodml.runs.search.points import Point, Searched, check_known, is_training, point
from oodml.runs.search.points import searched_methods as methods_of
from oodml.runs.search.run_points import SearchIncomplete, run_points

DEFAULT_GRID: dict[str, tuple[float, ...]] = {"learning_rate": (3e-5, 1e-4, 3e-4, 1e-3)}


def search(
    spec: BenchmarkSpec | Path | str | dict[str, object],
    out: Path,
    grid: Mapping[str, Sequence[Any]] = DEFAULT_GRID,
    *,
    methods: Sequence[str] | None = None,
    **arguments: Any,
) -> list[Choice]:
    """Choose the grid's parameters for every trained method of a spec.

    Args:
        out: folder of the search, a benchmark's folder; the same call continues it.
        grid: training settings or hyper-parameters -> values. A hyper-parameter counts for the
            methods that have it.
        methods: names or labels of the methods to search for; all by default.
        arguments: as of `run`: executor, workers, threads, device.

    Raises:
        UsageError: an unknown parameter, or a spec without a trained method.
        SearchIncomplete: some cells failed; it holds what was chosen among the points without.
    """
    checked = as_spec(spec)
    searched = methods_of(checked, methods)
    points = {one.label: _points(checked, one, grid) for one in searched}
    check_known(grid, searched)
    every = [found for listed in points.values() for found in listed]
    rows, failure = run_points(checked, every, out, arguments)
    choices = []
    for one in searched:
        if whole := whole_points(rows, out, points[one.label]):
            choices.append(choose(rows, out, one, whole, None))
    if failure is not None:
        raise SearchIncomplete(failure, choices)
    return choices


def _points(
    spec: BenchmarkSpec, method: Searched, grid: Mapping[str, Sequence[Any]]
) -> list[Point]:
    accepted = method.planned.method.accepted_names
    own = {key: list(grid[key]) for key in grid if is_training(key) or key in accepted}
    combined = itertools.product(*own.values())
    return [point(spec, method.entry, dict(zip(own, one, strict=True))) for one in combined]
