"""Margin loss with distance-weighted sampling."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.miners.mined import DistanceMined
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.margin import MarginLoss


@register_method("margin")
class Margin(DistanceMined):
    """Margin loss: positive pairs nearer, negative pairs farther than a learned boundary a class.

    Triplets are distance-weighted, one an anchor. The boundaries' learning rate is 50 times that of
    the embedding: 5e-4 at ooDML's 1e-5. ooDML's and Roth et al.'s code does not apply the upper
    cutoff of the sampling (``upper_cutoff = 2``); Wu et al. do.
    """

    family = "pairs and triplets"
    source = "Wu et al., Sampling Matters, ICCV 2017; values of ooDML"
    formula = (
        "sum_t [max(0, d(a,p) - b_y + margin) + max(0, b_y - d(a,n) + margin) + nu b_y] / "
        "#{t: active}, d of unit rows, b_y learned for each class"
    )

    beta = Parameter(1.2, "where boundaries start", above=0.0, maximum=2.0, search=(0.5, 1.4))
    margin = Parameter(0.2, "on either side of a boundary", minimum=0.0, search=(0.05, 0.5))
    beta_learning_rate_factor = own_rate(50.0, "boundaries", search=(1.0, 200.0))
    learn_beta = Parameter(True, "whether boundaries are trained")
    nu = Parameter(0.0, "weight of the boundaries", minimum=0.0, search=(0.0, 0.1))

    def loss(self, dims: Dims) -> nn.Module:
        return MarginLoss(
            dims.classes,
            self.beta,
            self.margin,
            nu=self.nu,
            learned=self.learn_beta,
            learning_rate_factor=self.beta_learning_rate_factor,
        )
