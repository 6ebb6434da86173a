"""Energy distance between the images of the two sides."""

from __future__ import annotations

from collections.abc import Mapping

from oodml.shift.measures.base import Sides, register_measure
from oodml.shift.measures.pairwise import mean_distance


@register_measure("energy")
def energy(sides: Sides) -> Mapping[str, float]:
    """2 E|x - y| - E|x - x'| - E|y - y'| over images, Euclidean.

    Source: Székely and Rizzo 2013. Expectations are means over all pairs, an image with itself
    included (the V-statistic), so the value is never negative and 0 only for equal sets. Feature
    units; scales with the features.
    """
    left, right = sides.centred_images()
    within = mean_distance(left, left) + mean_distance(right, right)
    return {"energy": max(0.0, 2.0 * mean_distance(left, right) - within)}
