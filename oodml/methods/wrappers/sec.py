"""The spherical embedding constraint around any method."""

from oodml.core.parameters import Parameter
from oodml.methods.registry import register_wrapper
from oodml.methods.step import Dims
from oodml.methods.term import Term
from oodml.methods.terms.norms import SphericalTerm, one_each
from oodml.methods.wrapper import Wrapper


@register_wrapper("sec")
class SphericalWrapper(Wrapper):
    """Spherical embedding constraint: + weight * mean_i (||f_i|| - mu)^2, mu the mean norm.

    It acts on what the wrapped loss acts on, which is what that loss divides by its length: the
    embedding; SimCLR's projection; each branch of DiVA by itself, with a mean norm of its own and
    the full weight. (DiVA's embedding is made of unit branches, its norm is constant.)
    Of the paper's weights only that of triplet on CUB, 1.0, is public; it is the default of all.
    """

    source = "Zhang, Li, Zhang: Deep Metric Learning with Spherical Embedding, NeurIPS 2020"
    formula = (
        "+ eta mean_i (|f_i| - mu)^2, mu = (1 - rho) mu_before + rho mean_i |f_i| without gradient, "
        "f the embeddings (what the loss acts on)"
    )
    useful_with = (
        "triplet",
        "semihard-triplet",
        "npair",
        "multi-similarity",
        "arcface",
        "cosface",
        "sphereface",
        "simclr",
    )

    weight = Parameter(
        1.0,
        "weight of the constraint",
        minimum=0.0,
        search=(0.01, 10.0),
        log=True,
        aliases=("eta",),
    )
    momentum = Parameter(
        1.0,
        "momentum of the mean norm, 1 = batch mean",
        minimum=1e-6,
        maximum=1.0,
        search=(0.01, 1.0),
        aliases=("rho",),
    )

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        outputs = self.base.loss_outputs
        return one_each(
            "constraint", outputs, lambda one: SphericalTerm(self.weight, self.momentum, one)
        )
