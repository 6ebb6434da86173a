"""Sliced 2-Wasserstein distance between the images of the two sides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from oodml.core.hashing import derived_seed
from oodml.shift.distance.gram import Float
from oodml.shift.measures.base import Sides, register_measure

_DIRECTIONS = 256


@register_measure("sliced_wasserstein")
def sliced_wasserstein(sides: Sides) -> Mapping[str, float]:
    """sqrt(mean over directions θ of W2²(θ·x, θ·y)), 256 seeded random unit directions.

    Source: Bonneel et al. 2015; Rabin et al. 2011. In one dimension W2² is the integral of the
    squared difference of the quantile functions, here exact for sides of any size. Feature units;
    scales with the features; under rotation unchanged up to the choice of directions.
    """
    left, right = sides.left_images, sides.right_images
    rng = np.random.default_rng(derived_seed("sliced wasserstein", sides.seed))
    directions = rng.normal(size=(left.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    return {"sliced_wasserstein": sliced_distance(left @ directions, right @ directions)}


def sliced_distance(left: Float, right: Float) -> float:
    """Root mean over columns of the squared 1-D W2 distance of two samples [n1, P], [n2, P]."""
    left, right = np.sort(left, axis=0), np.sort(right, axis=0)
    n1, n2 = len(left), len(right)
    # Both quantile functions are constant between neighbouring multiples of 1/n1 and 1/n2.
    edges = np.union1d(np.arange(1, n1 + 1) * n2, np.arange(1, n2 + 1) * n1)
    widths = np.diff(edges, prepend=0) / (n1 * n2)
    first, second = (edges - 1) // n2, (edges - 1) // n1
    squared = (left[first] - right[second]) ** 2
    return float(np.sqrt((widths @ squared).mean()))
