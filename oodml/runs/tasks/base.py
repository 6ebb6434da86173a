"""What a task is, and all there are by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from oodml.core.parameters import Parametrised
from oodml.core.registry import Registry
from oodml.methods import Adaptation, Method
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.split import ItemTable, Split
from oodml.runs.training_run import TrainedModel
from oodml.shift import Ladder


@dataclass(frozen=True)
class TaskContext:
    """What a task works on.

    Attributes:
        cell: the cell, whose ``derived_seed`` and ``shared_seed`` every random choice comes from.
        split: items of the cell.
        items: ids and classes of the whole data set.
        ladder: with its few-shot episodes.
        model: the trained model; None for a method that does not train.
        embeddings: float32 [n, d], row i belongs to ``split.test.rows[i]``.
        gallery: float32 [g, d] of ``split.gallery``, or None.
    """

    cell: Cell
    split: Split
    items: ItemTable
    ladder: Ladder
    model: TrainedModel | None
    embeddings: NDArray[np.float32]
    gallery: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TaskOutput:
    """What a task found.

    Attributes:
        rows: value columns of result rows, from :func:`oodml.runs.results.row.result_row`.
        files: name -> function that writes the file to the path it is given.
        failed: what of the task could not be had -> why. The rows count; the cell is incomplete.
    """

    rows: list[dict[str, Any]]
    files: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


class Task(Parametrised):
    """Base of all tasks. Subclasses declare parameters and turn a context into rows and files.

    Class attributes:
        version: raised by a change that moves numbers; it enters the run id.
    """

    owner_kind = "task"
    noun = "parameter"
    version: ClassVar[int] = 1

    def check(self) -> None:
        """UsageError, beginning with the parameter's name, for values that cannot be."""

    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics it gives, as far as its parameters tell them; () if they do not."""
        return ()

    def makes(self, metric: str) -> bool:
        """Whether rows of ``metric`` may come of it; a task that names none may make any."""
        return not self.metric_names() or metric in self.metric_names()

    def check_split(self, split: Split, ladder: Ladder) -> None:
        """UsageError where the task cannot be done on a split. Called before anything is trained."""

    def episode_shots(self) -> tuple[int, ...]:
        """Numbers of shots whose episodes the task reads from the ladder."""
        return tuple(getattr(self, "shots", ()))

    def adaptations(self) -> dict[int, int]:
        """Shots -> how often the task adapts a model to so many, for estimates of time."""
        return {}

    def adaptation_of(self, method: Method, shots: int) -> Adaptation | None:
        """How the task adapts a method to so many shots; None where it does not."""
        return method.adaptation()

    @property
    def parts(self) -> tuple[Any, ...]:
        """Classes and functions whose code decides the task's numbers."""
        return (type(self),)

    def run(self, context: TaskContext) -> TaskOutput:
        """Score the context's embeddings."""
        raise NotImplementedError


T = TypeVar("T", bound=type[Task])
_registry: Registry[type[Task]] = Registry("task", packages=(__package__,), base=Task)


def register_task(name: str) -> Callable[[T], T]:
    """Class decorator: make a Task available as ``name``; duplicates raise UsageError."""
    return _registry.register_class(name)


def task_class(name: str) -> type[Task]:
    """The class registered as ``name``; UsageError with near names when there is none."""
    return _registry.get(name)


def create_task(name: str, /, **parameters: Any) -> Task:
    """A task with given parameters, the others at their defaults."""
    return task_class(name)(**parameters)


def list_tasks() -> list[str]:
    return _registry.names()
