"""Multi-similarity loss."""

from typing import Any

from pytorch_metric_learning.losses import MultiSimilarityLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims


@register_method("multi-similarity")
class MultiSimilarity(LossMethod):
    """Multi-similarity loss with its miner, on cosines; summed over anchors / batch size.

    The library's loss and miner are the paper's and SEC's definition, but for one detail: SEC's
    code also drops positives with cosine >= 1 - 1e-5 (near duplicates), which are kept here.
    """

    source = "Wang et al., Multi-Similarity Loss, CVPR 2019; values of SEC and ooDML"

    alpha = Parameter(2.0, "scale of positive pairs", minimum=1e-3, search=(0.5, 10.0), log=True)
    beta = Parameter(40.0, "scale of negative pairs", minimum=1e-3, search=(10.0, 100.0), log=True)
    base = Parameter(0.5, "similarity at which a pair weighs half", search=(0.0, 1.0))
    epsilon = Parameter(0.1, "margin of the miner", minimum=0.0, search=(0.0, 0.5))

    def loss(self, dims: Dims) -> nn.Module:
        loss: nn.Module = MultiSimilarityLoss(alpha=self.alpha, beta=self.beta, base=self.base)
        return loss

    def miner(self) -> Any:
        return MultiSimilarityMiner(epsilon=self.epsilon)
