"""Ladder generators, a file each with one ``@register_generator("name")`` class."""

from oodml.shift.generators.base import (
    GENERATORS,
    Generator,
    create_generator,
    register_generator,
)
from oodml.shift.generators.problem import Partition, Problem

__all__ = [
    "GENERATORS",
    "Generator",
    "Partition",
    "Problem",
    "create_generator",
    "register_generator",
]
