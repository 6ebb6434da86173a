"""Trials drawn from ranges: all at once, or each in the light of those before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.runs.plan.spec import BenchmarkSpec, as_spec
from oodml.runs.search.choice import Choice, choose, whole_points
from oodml.runs.search.declared import check_wanted, searched_ranges
from oodml.runs.search.drawing import Drawing, Sampler
from oodml.runs.search.draws import drawn
from oodml.runs.search.one_by_one import one_by_one
from oodml.runs.search.points import searched_methods
from oodml.runs.search.ranges import Range
from oodml.runs.search.run_points import SearchIncomplete, run_points
from oodml.runs.search.tpe import suggested

# name -> (what gives a trial's values, whether it looks at the scores of those before)
SAMPLERS: dict[str, tuple[Sampler, bool]] = {"random": (drawn, False), "tpe": (suggested, True)}


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
    drawing = Drawing(checked, found, sample, seed)
    if looks_back:
        rows, failure = one_by_one(drawing, trials, out, arguments)
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
