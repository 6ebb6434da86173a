"""The points of a search as one benchmark: its spec, its run and what may be missing of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from oodml.core.errors import OodmlError
from oodml.runs.benchmark import CellsFailed, run
from oodml.runs.plan.spec import BenchmarkSpec, parse_spec
from oodml.runs.search.choice import METRIC, Choice
from oodml.runs.search.points import Point


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


def search_spec(spec: BenchmarkSpec, points: Iterable[Point]) -> BenchmarkSpec:
    """The spec whose cells are the points, trained on train classes and scored on val classes."""
    plain = spec.resolved()
    methods = {one.label: one.entry for one in points}
    plain |= {
        "name": f"{spec.name}-search",
        "conditions": ["validation"],
        "tasks": [{"name": "retrieval", "metrics": [METRIC, "recall_at_1"]}],
        "methods": list(methods.values()),
    }
    # there is nothing left to select by: the val classes are what is scored
    plain["training"] = {**plain["training"], "selection": "fixed-steps", "selection_options": {}}
    return parse_spec(plain, "search")


def run_points(
    spec: BenchmarkSpec, points: Iterable[Point], out: Path, arguments: dict[str, Any]
) -> tuple[pd.DataFrame, str | None]:
    """Rows of all cells that did not fail, and what to say of those that did.

    Args:
        arguments: as of `oodml.run`.
    """
    try:
        return run(search_spec(spec, points), out, **arguments), None
    except CellsFailed as error:
        return error.results, str(error)
