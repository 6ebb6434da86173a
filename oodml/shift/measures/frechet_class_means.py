"""Fréchet distance between the class means of the two sides: the ooDML distance."""

from __future__ import annotations

from collections.abc import Mapping

from oodml.shift.measures.base import Sides, register_measure


@register_measure("frechet_class_means")
def frechet_class_means(sides: Sides) -> Mapping[str, float]:
    """|m1 - m2|² + Tr(S1 + S2 - 2 (S1 S2)^½) over class means, exactly.

    m and S are the mean and the covariance (n - 1) of the class means of a side. Source: ooDML
    (NeurIPS 2021), which adds 1e-8 inside the square root; see ``oodml.frechet_distance``.
    Squared feature units; scales with the square of the features.
    """
    return {"frechet_class_means": sides.means.frechet(sides.left, sides.right)}
