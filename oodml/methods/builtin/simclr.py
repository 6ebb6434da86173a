"""SimCLR: contrastive learning of two augmented views, without labels."""

from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.batch_rule import BatchRule
from oodml.methods.batches.two_views import TwoViews
from oodml.methods.heads.projected import ProjectedHead
from oodml.methods.method import Method
from oodml.methods.registry import register_method
from oodml.methods.step import Dims, Step, full_precision
from oodml.methods.term import Term
from oodml.methods.terms.nt_xent import NTXentLoss


class ViewContrast(Term):
    """NT-Xent over the views of a batch: the other view of an item is the positive, all others
    are negatives; labels are not read."""

    needs = frozenset({"views"})

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.loss = NTXentLoss(temperature)

    def forward(self, step: Step) -> Tensor:
        value: Tensor = self.loss(full_precision(step.heads["projection"]), step.items)
        return value


@register_method("simclr")
class SimCLR(Method):
    """Normalised temperature-scaled cross-entropy between two augmented views of each image.

    The loss acts on a two-layer projection of the embedding; the embedding itself is evaluated.
    Needs augmented images: training.mode "network".
    """

    family = "self-supervised"
    source = "Chen, Kornblith, Norouzi, Hinton: SimCLR, ICML 2020; with SEC: Zhang et al. 2020"
    formula = (
        "L = mean over views i, j of one item of -log[e^(s_ij / T) / sum_{k != i} e^(s_ik / T)], "
        "s cosines of the projections"
    )
    loss_outputs = ("projection",)

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
