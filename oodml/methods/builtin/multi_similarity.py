"""Multi-similarity loss."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.multi_similarity import MultiSimilarityLoss


@register_method("multi-similarity")
class MultiSimilarity(LossMethod):
    """Multi-similarity loss with its miner, on cosines; summed over anchors / batch size.

    SEC's code also drops positives with cosine >= 1 - 1e-5, near duplicates: ``near_duplicates =
    "drop"``. By default they are kept, as in the paper.
    """

    family = "pairs and triplets"
    source = "Wang et al., Multi-Similarity Loss, CVPR 2019; values of SEC and ooDML"
    formula = (
        "sum_i [log(1 + sum_p exp(-alpha (s_ip - base))) / alpha + log(1 + sum_n exp(beta (s_in - "
        "base))) / beta] / batch; p: s_ip - epsilon < max_n s_in, n: s_in + epsilon > min_p s_ip"
    )

    alpha = Parameter(2.0, "scale of positive pairs", minimum=1e-3, search=(0.5, 10.0), log=True)
    beta = Parameter(40.0, "scale of negative pairs", minimum=1e-3, search=(10.0, 100.0), log=True)
    base = Parameter(0.5, "similarity at which a pair weighs half", search=(0.0, 1.0))
    epsilon = Parameter(0.1, "margin of the miner", minimum=0.0, search=(0.0, 0.5))
    near_duplicates = Parameter(
        "keep", "positives with cosine >= 1 - 1e-5: keep or drop", choices=("keep", "drop")
    )

    def loss(self, dims: Dims) -> nn.Module:
        return MultiSimilarityLoss(
            self.alpha,
            self.beta,
            self.base,
            self.epsilon,
            drop_duplicates=self.near_duplicates == "drop",
        )
