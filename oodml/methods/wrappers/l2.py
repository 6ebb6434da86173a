"""L2 regularisation of the embeddings around any method."""

from oodml.core.parameters import Parameter
from oodml.methods.registry import register_wrapper
from oodml.methods.step import Dims
from oodml.methods.term import Term
from oodml.methods.terms.norms import SquaredNormTerm, one_each
from oodml.methods.wrapper import Wrapper


@register_wrapper("l2")
class SquaredNormWrapper(Wrapper):
    """+ weight * mean_i ||f_i||^2, the reference SEC is compared with.

    Acts where SEC acts: on what the wrapped loss acts on.
    Of the paper's weights only that of triplet on CUB, 1e-4, is public; it is the default of all.
    """

    source = "L2-reg in Zhang, Li, Zhang: Deep Metric Learning with Spherical Embedding, 2020"
    formula = "+ w mean_i |f_i|^2, f the embeddings (what the loss acts on)"
    useful_with = ("triplet", "semihard-triplet", "npair", "multi-similarity")

    weight = Parameter(
        1e-4, "weight of the mean squared norm", minimum=0.0, search=(1e-5, 1e-1), log=True
    )

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        outputs = self.base.loss_outputs
        return one_each("norms", outputs, lambda one: SquaredNormTerm(self.weight, one))
