"""Generator: what makes the partitions a ladder is placed among. A file and a decorator each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from oodml.core.parameters import Parametrised
from oodml.core.registry import Registry
from oodml.shift.generators.problem import Partition, Problem


class Generator(Parametrised, ABC):
    """Base of all generators. Subclasses declare their options and a search."""

    owner_kind = "generator"
    noun = "option"

    @abstractmethod
    def search(self, problem: Problem) -> list[Partition]:
        """Every partition worth being a level, in any order; levels are placed among them."""

    def adjusted(self, problem: Problem) -> Problem:
        """The problem with the limits this generator has by default filled in."""
        return problem

    def refined(self, problem: Problem, near: Partition, target: float) -> Partition:
        """A partition chosen for a level moved nearer to its target; as it is by default."""
        return near

    def step_name(self, partition: Partition) -> str | None:
        """The name ``steps`` call a partition of this generator by; None where it has none."""
        return None

    def missing_step(self, problem: Problem, step: str) -> str:
        """Why ``step`` was not met and what would reach it, for a message; "" if it cannot be."""
        return ""

    @classmethod
    def names_steps(cls) -> bool:
        """Whether its steps have names."""
        return cls.step_name is not Generator.step_name


G = TypeVar("G", bound=type[Generator])
GENERATORS: Registry[type[Generator]] = Registry(
    "generator", packages=("oodml.shift.generators",), base=Generator
)


def register_generator(name: str) -> Callable[[G], G]:
    """Class decorator: make a Generator available as ``name``; duplicates raise UsageError."""
    return GENERATORS.register_class(name)


def create_generator(name: str, /, **options: Any) -> Generator:
    """A generator with given options, the others at their defaults.

    Raises:
        UsageError: unknown generator or option, or a value out of its domain.
    """
    return GENERATORS.get(name)(**options)
