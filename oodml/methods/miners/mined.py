"""Methods whose loss sees one mined triplet an anchor."""

from __future__ import annotations

from typing import Any

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.miners.distance_weighted import DistanceWeighted
from oodml.methods.miners.rho_regularised import RhoRegularised


class DistanceMined(LossMethod):
    """Base of methods with distance-weighted triplets, rho-regularised where ``switch`` > 0.

    So every such method is its R- variant, too: R-Margin, R-Contrastive, R-SNR.
    """

    images_per_class = Parameter(2, "images of a class in a batch", minimum=2, search=(2, 8))
    lower_cutoff = Parameter(
        0.5, "distances below count as it when negatives are drawn", above=0.0, maximum=1.3
    )
    upper_cutoff = Parameter(
        1.4, "negatives at it or farther are not drawn; 2: all are", above=1.3, maximum=2.0
    )
    switch = Parameter(
        0.0,
        "probability that a triplet pushes its positive away instead (rho-regularisation)",
        minimum=0.0,
        maximum=1.0,
        search=(0.0, 0.5),
    )

    def miner(self) -> Any:
        if self.switch:
            return RhoRegularised(self.switch, self.lower_cutoff, self.upper_cutoff)
        return DistanceWeighted(self.lower_cutoff, self.upper_cutoff)
