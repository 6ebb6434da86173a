"""Unbiased squared maximum mean discrepancy between images, polynomial and RBF kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from oodml.shift.distance.gram import Float
from oodml.shift.measures.base import Sides, register_measure
from oodml.shift.measures.pairwise import squared_distances

Kernel = Callable[[Float, Float], Float]
_MEDIAN_IMAGES = 1024


@register_measure("kernel_mmd")
def kernel_mmd(sides: Sides) -> Mapping[str, float]:
    """Unbiased MMD² = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), x != x', y != y'.

    ``kernel_mmd``: k(x, y) = (x·y / D + 1)³ on features less the common mean of both sides (KID,
    Binkowski et al. 2018, which does not centre; centring makes the value independent of the
    features' origin). ``kernel_mmd_rbf``: k(x, y) = exp(-|x - y|² / (2 h²)), h² half the median
    squared distance between images of both sides (Gretton et al. 2012), so it does not change with
    the features' scale. Both may be slightly negative when the sides agree.
    """
    left, right = sides.centred_images()
    dims = left.shape[1]

    def polynomial(a: Float, b: Float) -> Float:
        return np.asarray((a @ b.T / dims + 1.0) ** 3)

    values = {"kernel_mmd": unbiased_mmd(left, right, polynomial), "kernel_mmd_rbf": 0.0}
    width = median_squared_distance(left, right)
    if width > 0:

        def rbf(a: Float, b: Float) -> Float:
            return np.asarray(np.exp(-squared_distances(a, b) / width))

        values["kernel_mmd_rbf"] = unbiased_mmd(left, right, rbf)
    return values


def unbiased_mmd(left: Float, right: Float, kernel: Kernel) -> float:
    """U-statistic of the squared MMD."""
    n1, n2 = len(left), len(right)
    one, other = kernel(left, left), kernel(right, right)
    within1 = (one.sum() - np.trace(one)) / (n1 * (n1 - 1.0))
    within2 = (other.sum() - np.trace(other)) / (n2 * (n2 - 1.0))
    return float(within1 + within2 - 2.0 * kernel(left, right).mean())


def median_squared_distance(left: Float, right: Float) -> float:
    """Median squared distance between different images of both sides, at most 1024 a side."""
    chosen = [rows[:: max(1, -(-len(rows) // _MEDIAN_IMAGES))] for rows in (left, right)]
    pooled = np.concatenate(chosen)
    upper = np.triu_indices(len(pooled), k=1)
    return float(np.median(squared_distances(pooled, pooled)[upper]))
