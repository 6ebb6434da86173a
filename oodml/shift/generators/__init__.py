"""Ladder generators, a file each. Importing this package registers the built-in ones."""

from oodml.shift.generators import oodml as _oodml
from oodml.shift.generators import steepest as _steepest
from oodml.shift.generators import target as _target
from oodml.shift.generators.problem import (
    GENERATORS,
    Generator,
    Partition,
    Problem,
    register_generator,
)

__all__ = ["GENERATORS", "Generator", "Partition", "Problem", "register_generator"]

del _oodml, _steepest, _target
