"""Settings of methods chosen on validation classes, from a declared grid; no test image is opened.

Every method of a spec is trained on the train classes of each level once for each value of the grid
and scored on the val classes (condition ``validation``). The value with the best mean over settings,
levels and seeds is chosen; of equal ones the first in the grid.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from oodml.core.errors import OodmlError, UsageError
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.runs.benchmark import CellsFailed, run
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.plan.spec import BenchmarkSpec, as_spec, parse_spec
from oodml.training import TrainingSettings

DEFAULT_GRID: dict[str, tuple[float, ...]] = {"learning_rate": (3e-5, 1e-4, 3e-4, 1e-3)}
METRIC = "map_at_r"  # Recall@1 saturates on few validation classes


@dataclass(frozen=True)
class Choice:
    """What was chosen for one method.

    Attributes:
        method: the label without the searched values.
        values: parameter -> chosen value.
        score: mean validation score of them.
        scores: for each point of the grid, its values and mean score, in the grid's order.
        at_edge: parameters whose chosen value is an end of the grid, so that more may be better.
    """

    method: str
    values: dict[str, Any]
    score: float
    scores: list[tuple[dict[str, Any], float]]
    at_edge: tuple[str, ...]


class SearchIncomplete(OodmlError):
    """Some cells of a search failed.

    Attributes:
        choices: of the methods that have points without a failed cell, among those.
    """

    def __init__(self, message: str, choices: list[Choice]) -> None:
        super().__init__(message)
        self.choices = choices

    def __reduce__(self) -> tuple[type[SearchIncomplete], tuple[str, list[Choice]]]:
        return type(self), (str(self), self.choices)


def search(
    spec: BenchmarkSpec | Path | str | dict[str, object],
    out: Path,
    grid: Mapping[str, Sequence[Any]] = DEFAULT_GRID,
    **arguments: Any,
) -> list[Choice]:
    """Choose the grid's parameters for every trained method of a spec.

    Args:
        out: folder of the search, a benchmark's folder; the same call continues it.
        grid: training settings or hyper-parameters -> values. A hyper-parameter counts for the
            methods that have it.
        arguments: as of `run`: executor, workers, threads, device.

    Raises:
        UsageError: an unknown parameter, or a spec without a trained method.
        SearchIncomplete: some cells failed; it holds what was chosen among the points without.
    """
    checked = as_spec(spec)
    points = _points(checked, grid)
    failure: CellsFailed | None = None
    try:
        results = run(_search_spec(checked, points), out, **arguments)
    except CellsFailed as error:
        failure, results = error, error.results
    rows = results[results["metric"] == METRIC]
    planned = Counter(cell.label for cell in read_plan(out).cells)
    found = rows["label"].value_counts()
    choices = []
    for label, listed in points.items():
        # a point of fewer levels or seeds than the others does not compare with them
        whole = [one for one in listed if found.get(one.label, 0) == planned[one.label]]
        if whole:
            choices.append(_choice(rows, label, whole))
    if failure is not None:
        raise SearchIncomplete(str(failure), choices)
    return choices


def as_toml(choices: Sequence[Choice]) -> str:
    """The choices as lines to put into a spec's ``[[methods]]``."""
    lines = []
    for choice in choices:
        training = {k: v for k, v in choice.values.items() if k in TrainingSettings.model_fields}
        others = {k: v for k, v in choice.values.items() if k not in training}
        lines.append(f"# {choice.method}: {METRIC} {100 * choice.score:.2f} on validation classes")
        lines += [f"{key} = {json.dumps(value)}" for key, value in others.items()]
        if training:
            inside = ", ".join(f"{key} = {json.dumps(value)}" for key, value in training.items())
            lines.append(f"training = {{ {inside} }}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Point:
    values: dict[str, Any]
    entry: dict[str, Any]
    label: str


def _points(spec: BenchmarkSpec, grid: Mapping[str, Sequence[Any]]) -> dict[str, list[_Point]]:
    """For each trained method the points of the grid as method entries, by the method's label."""
    found: dict[str, list[_Point]] = {}
    used: set[str] = set()
    entries = spec.resolved()["methods"]
    for entry, planned in zip(entries, spec.methods(), strict=True):
        if not planned.method.trains:
            continue
        own = {
            key: list(values)
            for key, values in grid.items()
            if key in TrainingSettings.model_fields or key in planned.method.accepted_names
        }
        used |= set(own)
        found[planned.label] = [
            _point(spec, entry, dict(zip(own, chosen, strict=True)))
            for chosen in itertools.product(*own.values())
        ]
    if not found:
        raise UsageError("search: the spec has no method that trains")
    for key in grid:
        if key not in used:
            known = {*TrainingSettings.model_fields, *_accepted(spec)}
            raise UsageError(f"search: unknown parameter {shown(key)}; {name_hint(key, known)}")
    return found


def _point(spec: BenchmarkSpec, entry: dict[str, Any], values: dict[str, Any]) -> _Point:
    training = {k: v for k, v in values.items() if k in TrainingSettings.model_fields}
    others = {k: v for k, v in values.items() if k not in training}
    changed = {**entry, **others, "training": {**entry.get("training", {}), **training}}
    changed.pop("preset", None)  # its values stand in the resolved entry
    alone = parse_spec({**spec.resolved(), "methods": [changed]}, "search")
    return _Point(values, changed, alone.methods()[0].label)


def _accepted(spec: BenchmarkSpec) -> set[str]:
    return {name for planned in spec.methods() for name in planned.method.accepted_names}


def _search_spec(spec: BenchmarkSpec, points: Mapping[str, list[_Point]]) -> BenchmarkSpec:
    plain = spec.resolved()
    methods = {point.label: point.entry for listed in points.values() for point in listed}
    plain |= {
        "name": f"{spec.name}-search",
        "conditions": ["validation"],
        "tasks": [{"name": "retrieval", "metrics": [METRIC, "recall_at_1"]}],
        "methods": list(methods.values()),
    }
    # there is nothing left to select by: the val classes are what is scored
    plain["training"] = {
        **plain["training"],
        "selection": "fixed-steps",
        "selection_options": {},
    }
    return parse_spec(plain, "search")


def _choice(rows: pd.DataFrame, label: str, points: list[_Point]) -> Choice:
    means = rows.groupby("label")["value"].mean()
    scores = [(point.values, float(means[point.label])) for point in points]
    values, score = max(scores, key=lambda one: one[1])
    at_edge = tuple(
        key
        for key, value in values.items()
        if len(listed := list(dict.fromkeys(p.values[key] for p in points))) > 2
        and value in (min(listed), max(listed))
    )
    return Choice(label, values, score, scores, at_edge)
