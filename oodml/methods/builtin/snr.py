"""Signal-to-noise ratio loss."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.miners.mined import DistanceMined
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.snr import SignalToNoiseLoss


@register_method("snr")
class SignalToNoise(DistanceMined):
    """Triplet loss on var(anchor - other) / var(anchor), with embeddings of mean 0.

    Triplets are distance-weighted. The code of Roth et al. sets ``weight`` to 0 with this sampling,
    and to 0.005 with others.
    """

    family = "pairs and triplets"
    source = "Yuan et al., Signal-to-Noise Ratio, CVPR 2019; form and values of Roth et al., 2020"
    formula = (
        "sum_t max(0, s(a,p) - s(a,n) + margin) / #{active} + weight mean_t |sum_d a_d|, s(a,x) = "
        "var(a - x) / var(a) over dimensions of unit rows"
    )

    margin = Parameter(0.2, "between the two ratios", minimum=0.0, search=(0.05, 1.0))
    weight = Parameter(0.005, "of the anchors' sums", minimum=0.0, search=(0.0, 0.05))

    def loss(self, dims: Dims) -> nn.Module:
        return SignalToNoiseLoss(self.margin, self.weight)
