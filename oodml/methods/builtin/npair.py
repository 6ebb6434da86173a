"""N-pair loss as in SEC."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.npair import NPairLoss


@register_method("npair")
class NPair(LossMethod):
    """Softmax over cosines of an anchor to one positive of every class, times 25.

    SEC's normalised N-pair: unit embeddings times 5 on either side, anchors to positives only.
    ``normalised = false`` is Sohn's loss, on dot products, with a weight of the squared norms that
    his paper gives as 0.02 (and, by Roth et al., his code multiplies by 0.25).
    """

    family = "pairs and triplets"
    source = "Sohn, N-pair Loss, NeurIPS 2016; SEC's released definition and values"
    formula = (
        "mean_c -log softmax_d(scale^2 cos(a_c, p_d))_c, a_c and p_c the first two items of class "
        "c; not normalised: a_c . p_d; + norm_weight mean ||f||^2"
    )

    images_per_class = Parameter(2, "images of a class in a batch", minimum=2, search=(2, 4))
    normalised = Parameter(True, "unit embeddings times `scale`, or as they are")
    scale = Parameter(
        5.0, "length of the normalised embeddings", above=0.0, search=(2.0, 8.0), log=True
    )
    norm_weight = Parameter(
        0.0, "weight of the mean squared norm; Sohn: 0.02", minimum=0.0, search=(0.0, 0.05)
    )

    def loss(self, dims: Dims) -> nn.Module:
        return NPairLoss(self.scale, self.norm_weight, normalised=self.normalised)
