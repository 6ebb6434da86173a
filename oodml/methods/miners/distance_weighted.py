"""Distance-weighted sampling of negatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oodml.core.errors import UsageError
from oodml.methods.step import full_precision

Triplets = tuple[Tensor, Tensor, Tensor]


class DistanceWeighted:
    """One triplet for each anchor; the negative is drawn with weight 1 / q(distance).

    q is the density of the distance d of two random points on the unit sphere of the embedding's n
    dimensions, so that drawn negatives spread evenly over distances:

        log 1 / q(d) = (2 - n) log d + (3 - n) / 2 * log(1 - d^2 / 4)

    with d raised to ``lower`` where it is less, and weight 0 from ``upper`` on. An anchor whose
    negatives all lie there draws among all of them alike. The positive is any other item of the
    class, all alike. Anchors without a positive or a negative get no triplet.

    Source: Wu et al., Sampling Matters in Deep Embedding Learning, ICCV 2017; so in Roth et al.,
    ICML 2020, whose code says the upper cutoff but does not apply it (``upper=2.0`` does that).

    Own code: the library's miner gives NaN weights where an anchor has no negative below the upper
    cutoff, and lists every triplet before it draws.

    Args:
        lower: distances below it count as it.
        upper: negatives at this distance or farther are not drawn.

    Raises:
        UsageError: unless 0 < lower < upper.
    """

    def __init__(self, lower: float = 0.5, upper: float = 1.4) -> None:
        if not 0 < lower < upper:
            raise UsageError(
                f"DistanceWeighted: expected 0 < lower < upper, got lower {lower}, upper {upper}"
            )
        self.lower = lower
        self.upper = upper

    @torch.no_grad()
    def __call__(self, unit_embeddings: Tensor, labels: Tensor) -> Triplets:
        """Rows [n, D] (made unit where they are not) and labels [n] -> anchors, positives and
        negatives, int64 [t] each, anchors ascending, t <= n."""
        unit = F.normalize(full_precision(unit_embeddings), dim=1)
        same = labels[:, None] == labels[None, :]
        others = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        positives = draw_one(unit.new_zeros(same.shape), others)
        negatives = draw_one(*self.log_weights(unit, ~same))
        anchors = torch.nonzero(others.any(dim=1) & ~same.all(dim=1)).squeeze(1)
        return anchors, positives[anchors], negatives[anchors]

    def log_weights(self, unit: Tensor, different: Tensor) -> tuple[Tensor, Tensor]:
        """Unit rows [n, D] and which pairs differ in class, bool [n, n] -> log weights [n, n], not
        normalised, and which may be drawn, bool [n, n]."""
        dims = unit.shape[1]
        distances = (2 - 2 * unit @ unit.T).clamp(min=0).sqrt().clamp(min=self.lower)
        near = different & (distances < self.upper)
        weights = log_inverse_density(distances, dims)
        none = ~near.any(dim=1, keepdim=True)
        return weights.masked_fill(none, 0.0), torch.where(none, different, near)


def log_inverse_density(distances: Tensor, dims: int) -> Tensor:
    """log 1 / q(d) but for a constant, q the density of the distance of two random points on the
    unit sphere in ``dims`` dimensions; distances above 0, any shape."""
    # opposite points would have the logarithm of 0
    rest = (1 - distances.square() / 4).clamp(min=torch.finfo(distances.dtype).eps)
    return (2 - dims) * distances.log() + (3 - dims) / 2 * rest.log()


def draw_one(log_weights: Tensor, allowed: Tensor) -> Tensor:
    """For each row of log weights [n, m] an index drawn among the allowed (bool [n, m]) with
    probability exp(log weight) / their sum: int64 [n]; 0 where none is allowed.

    The largest of log weight + Gumbel noise: rows that are NaN give an index, not an error from the
    device, so that a diverged run is told by its loss.
    """
    noise = -torch.empty_like(log_weights).exponential_().log()
    return (log_weights + noise).masked_fill(~allowed, -torch.inf).argmax(dim=1)
