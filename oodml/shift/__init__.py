"""Shift measures, ladder generators and the split file format."""

from oodml.shift.controls import ceiling_images, reverse_level, size_matched_levels
from oodml.shift.distance.frechet import frechet_distance
from oodml.shift.distance.means import ClassMeans, class_means
from oodml.shift.generate import generate_ladder
from oodml.shift.generators import GENERATORS, register_generator
from oodml.shift.ladder.episode_ids import (
    check_episode_ids,
    episode_id_problem,
    unknown_episode_ids,
)
from oodml.shift.ladder.file import load_ladder
from oodml.shift.ladder.model import Ladder, Level
from oodml.shift.measures import MEASURES, register_measure
from oodml.shift.measuring import measure_ladder

__all__ = [
    "GENERATORS",
    "MEASURES",
    "ClassMeans",
    "Ladder",
    "Level",
    "ceiling_images",
    "check_episode_ids",
    "class_means",
    "episode_id_problem",
    "frechet_distance",
    "generate_ladder",
    "load_ladder",
    "measure_ladder",
    "register_generator",
    "register_measure",
    "reverse_level",
    "size_matched_levels",
    "unknown_episode_ids",
]
