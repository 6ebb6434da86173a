"""What an executor is, and all there are by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oodml.core.registry import Registry
from oodml.runs.work import Outcome, Resources


@dataclass(frozen=True)
class Job:
    """What an executor starts.

    Attributes:
        folder: a prepared benchmark's folder.
        resources: of each worker.
        workers: how many at once, at most.
        cells: number of cells that are not done; more workers than that have nothing to do.
    """

    folder: Path
    resources: Resources
    workers: int
    cells: int


# Yields outcomes as they come, until the plan has no work left. An outcome may come from several
# workers; the first counts. Raises OodmlError where workers cannot go on.
Executor = Callable[[Job], Iterator[Outcome]]
_registry: Registry[Executor] = Registry("executor", packages=(__package__,), functions=True)
register_executor = _registry.register


def get_executor(name: str) -> Executor:
    """The executor registered as ``name``; UsageError with near names when there is none."""
    return _registry.get(name)


def list_executors() -> list[str]:
    return _registry.names()
