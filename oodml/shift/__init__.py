"""Shift measures, ladder generators and the split file format."""

from oodml.shift.frechet import frechet_distance
from oodml.shift.generate import generate_ladder
from oodml.shift.generators import GENERATORS, register_generator
from oodml.shift.ladder import Ladder, Level
from oodml.shift.ladder_file import load_ladder
from oodml.shift.means import ClassMeans, class_means

__all__ = [
    "GENERATORS",
    "ClassMeans",
    "Ladder",
    "Level",
    "class_means",
    "frechet_distance",
    "generate_ladder",
    "load_ladder",
    "register_generator",
]
