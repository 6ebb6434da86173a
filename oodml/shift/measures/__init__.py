"""Shift measures, a file each. Importing this package registers the built-in ones."""

from oodml.shift.measures import (
    energy,
    frechet_class_means,
    frechet_samples,
    kernel_mmd,
    nearest_class,
    sliced_wasserstein,
)
from oodml.shift.measures.base import MEASURES, Measure, Sides, register_measure, sides_of

__all__ = ["MEASURES", "Measure", "Sides", "register_measure", "sides_of"]

del energy, frechet_class_means, frechet_samples, kernel_mmd, nearest_class, sliced_wasserstein
