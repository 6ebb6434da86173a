"""Shift measures, a file each with one ``@register_measure("name")`` function."""

from oodml.shift.measures.base import (
    MEASURES,
    Measure,
    Sides,
    checked_values,
    register_measure,
    sides_of,
)

__all__ = ["MEASURES", "Measure", "Sides", "checked_values", "register_measure", "sides_of"]
