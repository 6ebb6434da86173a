"""Generator ``steepest``: every swap is the best of all by the true distance."""

from __future__ import annotations

from oodml.core.parameters import Parameter
from oodml.core.progress import progress_task
from oodml.shift.generators.base import Generator, register_generator
from oodml.shift.generators.climbing import (
    SearchOptions,
    easier,
    harder,
    make_search,
    origins,
    partition_of,
    run_of,
)
from oodml.shift.generators.large import large_search, needs_large
from oodml.shift.generators.problem import Partition, Problem
from oodml.shift.generators.search import Score

DIRECTIONS: dict[str, Score] = {"harder": harder, "easier": easier}


@register_generator("steepest")
class Steepest(SearchOptions, Generator):
    """Best of all swaps by the true distance, up and down, to local optima; restarts, annealing."""

    max_steps: Parameter[int | None] = Parameter(
        None, "most swaps in one direction; null: until no swap helps", kind=int, minimum=1
    )

    @property
    def most_steps(self) -> int | None:
        return self.max_steps

    def search(self, problem: Problem) -> list[Partition]:
        if needs_large(problem):
            return large_search(problem)
        search = make_search(problem, self)
        start = search.start()
        found = [partition_of(search, start, "start", 0)]
        with progress_task("searching swaps") as task:
            for origin in origins(search, start, self):
                for name, score in DIRECTIONS.items():
                    for partition in run_of(search, origin, name, score, self):
                        found.append(partition)
                        task.advance()
        return found
