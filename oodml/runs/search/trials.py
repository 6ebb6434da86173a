"""Trials drawn from ranges: all at once, or each in the light of those before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from oodml.core.errors import OodmlError, UsageError
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.plan.spec import BenchmarkSpec, as_spec
from oodml.runs.results import read_results
from oodml.runs.search.choice import Choice, choose, mean_scores, whole_points
from oodml.runs.search.draws import History, drawn
from oodml.runs.search.points import Point, Searched, point, searched_methods
from oodml.runs.search.ranges import Range, check_wanted, searched_ranges
from oodml.runs.search.run_points import SearchIncomplete, run_points, search_spec
from oodml.runs.search.tpe import suggested

Sampler = Callable[[Mapping[str, Range], int, str, int, History], dict[str, Any]]
# name -> (what gives a trial's values, whether it looks at the scores of those before)
SAMPLERS: dict[str, tuple[Sampler, bool]] = {"random": (drawn, False), "tpe": (suggested, True)}


class _Trials:
    """The points of every method, trial by trial."""

    def __init__(
        self,
        spec: BenchmarkSpec,
        ranges: Mapping[str, tuple[Searched, dict[str, Range]]],
        sampler: Sampler,
        seed: int,
    ) -> None:
        self.spec = spec
        self.ranges = ranges
        self.sampler = sampler
        self.seed = seed
        self.points: dict[str, list[Point]] = {label: [] for label in ranges}

    def add(self, trial: int, scores: Mapping[str, float]) -> None:
        """One more trial of every method; the first is what the spec itself says.

        Args:
            scores: label -> score of the points so far; those without one are as if not tried.
        """
        for label, (method, ranges) in self.ranges.items():
            listed = self.points[label]
            if trial == 0:
                values = _own_values(method, ranges)
            else:
                seen = [(p.values, scores[p.label]) for p in listed if p.label in scores]
                values = self.sampler(ranges, self.seed, method.planned.method.name, trial, seen)
            found = point(self.spec, method.entry, values)
            if all(found.label != before.label for before in listed):
                listed.append(found)

    @property
    def every(self) -> list[Point]:
        return [one for listed in self.points.values() for one in listed]


def search_ranges(
    spec: BenchmarkSpec | Path | str | dict[str, object],
    out: Path,
    trials: int,
    *,
    seed: int = 0,
    sampler: str = "random",
    methods: Sequence[str] | None = None,
    parameters: Sequence[str] | None = None,
    ranges: Mapping[str, Range] | None = None,
    **arguments: Any,
) -> list[Choice]:
    """Choose values of every trained method of a spec among trials drawn from declared ranges.

    Args:
        out: folder of the search, a benchmark's folder; the same call continues it, and more trials
            keep those that are there.
        trials: points a method. Trial 0 is what the spec says, so that a search never ends below it
            on the validation classes.
        seed: of the draws.
        sampler: "random"; or "tpe" (Optuna), one trial of every method after the other.
        methods: names or labels of the methods to search for; all by default.
        parameters: what is searched; by default the learning rate and every parameter of the
            method's own that declares a range.
        ranges: instead of declared ones, or where there is none.
        arguments: as of `run`: executor, workers, threads, device.

    Raises:
        UsageError: an unknown sampler, method or parameter, or one without a range.
        SearchIncomplete: some cells failed; it holds what was chosen among the points without.
    """
    if trials < 1:
        raise UsageError(f"search: trials must be at least 1, got {shown(trials)}", key="trials")
    if sampler not in SAMPLERS:
        hint = name_hint(sampler, SAMPLERS)
        raise UsageError(f"search: unknown sampler {shown(sampler)}; {hint}", key="sampler")
    checked = as_spec(spec)
    searched = searched_methods(checked, methods)
    check_wanted(searched, parameters, ranges or {})
    found = {one.label: (one, searched_ranges(one, parameters, ranges or {})) for one in searched}
    sample, looks_back = SAMPLERS[sampler]
    sample({}, seed, "", 1, ())  # a package that is missing is told before anything is trained
    drawing = _Trials(checked, found, sample, seed)
    if looks_back:
        rows, failure = _one_by_one(drawing, trials, out, arguments)
    else:
        for trial in range(trials):
            drawing.add(trial, {})
        rows, failure = run_points(checked, drawing.every, out, arguments)
    choices = []
    for label, (method, own) in found.items():
        if whole := whole_points(rows, out, drawing.points[label]):
            choices.append(choose(rows, out, method, whole, own))
    if failure is not None:
        raise SearchIncomplete(failure, choices)
    return choices


def _one_by_one(
    drawing: _Trials, trials: int, out: Path, arguments: dict[str, Any]
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


def _continued(drawing: _Trials, trials: int, out: Path) -> int:
    """Add the trials an earlier call left in ``out``; returns how many.

    Suggestions are a function of the scores before, so those of the folder's results give them
    again. They count where the points are exactly those of the folder's plan; otherwise every trial
    is asked for again, and its cells that are done are found done.
    """
    try:
        plan, rows = read_plan(out), read_results(out)
    except OodmlError:  # nothing there yet, or not readable: the run says so
        return 0
    again = _Trials(drawing.spec, drawing.ranges, drawing.sampler, drawing.seed)
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


def _own_values(method: Searched, ranges: Mapping[str, Range]) -> dict[str, Any]:
    made, training = method.planned.method, method.planned.training
    defaults = {name: one.default for name, one in made.all_parameters.items()}
    given = {**defaults, **made.hyper_parameters}  # those that are silent stand at their default
    return {name: given[name] if name in given else getattr(training, name) for name in ranges}
