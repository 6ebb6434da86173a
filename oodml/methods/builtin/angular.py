"""Angular loss."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.angular import AngularLoss


@register_method("angular")
class Angular(LossMethod):
    """Bounds the angle at a negative of the triangle it makes with a positive pair.

    Beside an N-pair loss on embeddings that are not normalised, as Wang et al. and Roth et al. use
    it; ``npair_weight = 0`` and ``norm_weight = 0`` leave the angular loss alone.
    """

    family = "pairs and triplets"
    source = "Wang et al., Deep Metric Learning with Angular Loss, ICCV 2017; Roth et al., 2020"
    formula = (
        "weight mean_{a,p} log(1 + sum_n exp(4 t (u_a + u_p) . u_n - 2 (1 + t) u_a . u_p)) + "
        "npair_weight mean_{a,p} log(1 + sum_n exp(f_a . (f_n - f_p))) + norm_weight mean ||f||, "
        "t = tan^2(angle), u = f / ||f||"
    )

    images_per_class = Parameter(2, "images of a class in a batch", minimum=2, search=(2, 8))
    angle = Parameter(45.0, "bound, in degrees", above=0.0, maximum=80.0, search=(30.0, 60.0))
    weight = Parameter(2.0, "of the angular part", minimum=0.0, search=(0.5, 4.0))
    npair_weight = Parameter(1.0, "of the N-pair part", minimum=0.0, search=(0.0, 2.0))
    norm_weight = Parameter(0.005, "of the mean norm", minimum=0.0, search=(0.0, 0.05))

    def loss(self, dims: Dims) -> nn.Module:
        return AngularLoss(self.angle, self.weight, self.npair_weight, self.norm_weight)
