"""Fréchet distance between the images of the two sides (FID between train and test)."""

from __future__ import annotations

from collections.abc import Mapping

from oodml.shift.distance.frechet import frechet_distance
from oodml.shift.measures.base import Sides, register_measure


@register_measure("frechet_samples")
def frechet_samples(sides: Sides) -> Mapping[str, float]:
    """|m1 - m2|² + Tr(S1 + S2 - 2 (S1 S2)^½) over single images.

    Source: Heusel et al. 2017 (FID). Unlike the class-mean distance it also sees the spread within
    classes, and large classes weigh more. All images count, however many. Squared feature units;
    biased upwards for few images.
    """
    return {"frechet_samples": frechet_distance(*sides.all_images())}
