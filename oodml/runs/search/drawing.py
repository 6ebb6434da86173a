"""The points of every method, trial by trial, from a sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oodml.runs.plan.spec import BenchmarkSpec
from oodml.runs.search.draws import History
from oodml.runs.search.points import Point, Searched, point
from oodml.runs.search.ranges import Range

Sampler = Callable[[Mapping[str, Range], int, str, int, History], dict[str, Any]]


class Drawing:
    """The points of every method so far."""

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


def _own_values(method: Searched, ranges: Mapping[str, Range]) -> dict[str, Any]:
    made, training = method.planned.method, method.planned.training
    defaults = {name: one.default for name, one in made.all_parameters.items()}
    given = {**defaults, **made.hyper_parameters}  # those that are silent stand at their default
    return {name: given[name] if name in given else getattr(training, name) for name in ranges}
