"""SimCLR: contrastive learning of two augmented views, without labels."""

import torch
from pytorch_metric_learning.losses import NTXentLoss
from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.batch_rule import BatchRule
from oodml.methods.batches.two_views import TwoViews
from oodml.methods.heads.projected import ProjectedHead
from oodml.methods.method import Method
from oodml.methods.registry import register_method
from oodml.methods.step import Dims, Step
from oodml.methods.term import Term


class ViewContrast(Term):
    """NT-Xent over the views of a batch: the other view of an item is the positive, all others
    are negatives; labels are not read."""

    needs = frozenset({"views"})

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.loss = NTXentLoss(temperature=temperature)

    def forward(self, step: Step) -> Tensor:
        # one code an item, so that the library's "same label" means "view of the same item"
        codes = torch.unique(step.items, return_inverse=True)[1]
        value: Tensor = self.loss(step.heads["projection"].float(), codes)
        return value


@register_method("simclr")
class SimCLR(Method):
    """Normalised temperature-scaled cross-entropy between two augmented views of each image.

    The loss acts on a two-layer projection of the embedding; the embedding itself is evaluated.
    Needs augmented images: training.mode "network".
    """

    source = "Chen, Kornblith, Norouzi, Hinton: SimCLR, ICML 2020; with SEC: Zhang et al. 2020"

    temperature = Parameter(
        0.5, "of the softmax over similarities", above=0.0, search=(0.05, 1.0), log=True
    )
    projection = Parameter(128, "columns of the projection", minimum=2, search=(32, 256))

    def terms(self, dims: Dims) -> dict[str, Term]:
        return {"loss": ViewContrast(self.temperature)}

    def head(self, dims: Dims) -> nn.Module:
        return ProjectedHead(dims.features, dims.embedding, self.projection)

    def batches(self) -> BatchRule:
        return TwoViews()
