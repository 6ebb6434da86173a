"""Semi-hard triplet loss as in SEC."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.triplets import SemihardTriplets


@register_method("semihard-triplet")
class SemihardTriplet(LossMethod):
    """Triplet loss with, for each positive pair, the nearest negative that is farther than it.

    Where no negative is farther, the farthest is taken: TensorFlow's rule, which SEC uses. Squared
    distances of unit embeddings; mean over ordered positive pairs.
    """

    family = "pairs and triplets"
    source = "Schroff et al., FaceNet, CVPR 2015; SEC's released definition and values"
    formula = (
        "sum_{a,p} max(0, d(a,p)^2 - d(a,n)^2 + margin) / #{ordered positive pairs}, n = nearest "
        "negative farther than p, else the farthest; d of unit rows"
    )

    images_per_class = Parameter(3, "images of a class in a batch", minimum=2, search=(2, 8))
    margin = Parameter(0.2, "margin between squared distances", minimum=0.0, search=(0.05, 1.0))

    def loss(self, dims: Dims) -> nn.Module:
        return SemihardTriplets(self.margin)
