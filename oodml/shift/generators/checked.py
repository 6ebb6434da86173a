"""Generators called and what they give looked at: whoever wrote one, its faults bear its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from oodml.core.errors import OodmlError
from oodml.core.foreign import named_failure
from oodml.shift.generators.base import Generator
from oodml.shift.generators.problem import Partition, Problem


def searched(generator: Generator, problem: Problem) -> list[Partition]:
    """``generator.search``: at least one partition, each of rows of the class means.

    Raises:
        OodmlError: the generator fails, finds nothing, or gives what is no partition.
    """
    with named_failure("generator", generator.name):
        found: Any = generator.search(problem)
        found = found if found is None else list(found)
    if not found:
        raise OodmlError(f"generator {generator.name!r} gave no partition; search() must give one")
    for place, one in enumerate(found):
        _check(one, problem, f"generator {generator.name!r}, partition {place}")
    return list(found)


def refined(generator: Generator, problem: Problem, near: Partition, target: float) -> Partition:
    """``generator.refined``, checked alike."""
    with named_failure("generator", generator.name):
        moved = generator.refined(problem, near, target)
    _check(moved, problem, f"generator {generator.name!r}, refined partition")
    return moved


def _check(one: Any, problem: Problem, where: str) -> None:
    if not isinstance(one, Partition):
        raise OodmlError(f"{where}: {type(one).__name__}, expected a Partition")
    sides = {"left": np.asarray(one.left), "right": np.asarray(one.right)}
    count = len(problem.means)
    for name, rows in sides.items():
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) < 2:
            raise OodmlError(f"{where}: {name} must hold the rows of at least two classes")
        if rows.min() < 0 or rows.max() >= count:
            raise OodmlError(f"{where}: {name} has row {rows.max()}; there are {count} classes")
    both = np.concatenate(list(sides.values()))
    if len(np.unique(both)) < len(both):
        rows, times = np.unique(both, return_counts=True)
        name = problem.means.names[int(rows[np.argmax(times)])]
        raise OodmlError(f"{where}: class {name!r} stands twice")
    if not np.isfinite(one.shift) or one.shift < 0:
        raise OodmlError(f"{where}: shift {one.shift}, expected a number of at least 0")
    for name, rows in sides.items():
        pinned = np.setdiff1d(np.flatnonzero(problem.fixed), getattr(problem, name))
        moved = np.intersect1d(rows, pinned)
        if len(moved):
            raise OodmlError(
                f"{where}: class {problem.means.names[int(moved[0])]!r} is pinned to the other side"
            )
