"""DiVA: four embeddings of one trunk, each with a task of its own."""

from typing import Any

from torch import nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.heads.branches import BranchHead, branch_widths
from oodml.methods.method import Method
from oodml.methods.miners.distance_weighted import DistanceWeighted
from oodml.methods.miners.within_and_across import AcrossClasses, WithinClass
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.term import LossTerm, Scaled, Term
from oodml.methods.terms.decorrelation import Decorrelation
from oodml.methods.terms.margin import MarginLoss
from oodml.methods.terms.momentum_contrast import MomentumContrast

_BRANCHES = ("discriminative", "shared", "intra", "contrast")


@register_method("diva")
class DiVA(Method):
    """Class-discriminative, class-shared, intra-class and self-supervised embeddings, decorrelated.

    Four linear branches share the embedding's columns. Three have a margin loss with boundaries of
    its own, on other triplets each: distance-weighted ones of two classes, of three different
    classes, and of one class. The fourth tells items apart by a queue of keys from a slow copy of
    trunk and branch. Adversaries that predict the discriminative branch from each of the others
    keep them apart. The embedding is the weighted concatenation of unit branches.

    The trunk's slow copy takes its weights' memory once more and a forward pass a step; see
    ``slow_trunk``. On cached features only the branch is copied.

    The released code of ooDML gives the intra-class branch triplets of the shared one's kind; here
    it has its own, as in the paper. There the slow copy sees an image through an augmentation of its
    own; here a crop (``key_crop``) of what the network sees. As in the code, the upper cutoff of 1.4
    holds for the queue's keys and not for mined negatives.
    """

    version = 2
    family = "pairs and triplets"
    source = "Milbich, Roth et al.: DiVA, ECCV 2020; released code of DiVA and of ooDML (CUB runs)"
    formula = (
        "margin(discriminative) + alpha [margin(shared) + margin(intra) + NCE(contrast)] - "
        "decorrelation * sum_b mean (u_disc * r_b(u_b))^2, gradients of the last reversed in the u"
    )
    loss_outputs = _BRANCHES
    fixed_head = True  # the slow branch reads the features too

    images_per_class = Parameter(2, "images of a class in a batch", minimum=2, search=(2, 8))
    margin = Parameter(0.2, "of the margin losses", minimum=0.0, search=(0.05, 0.5))
    beta = Parameter(1.2, "where boundaries start", above=0.0, maximum=2.0, search=(0.5, 1.4))
    beta_learning_rate_factor = Parameter(
        50.0, "times the learning rate, for the boundaries", minimum=0.0, search=(1, 200), log=True
    )
    lower_cutoff = Parameter(0.5, "distances below count as it in sampling", above=0.0, maximum=1.3)
    upper_cutoff = Parameter(
        2.0, "negatives at it or farther are not drawn; 2: all are", above=1.3, maximum=2.0
    )
    alpha = Parameter(
        0.3, "weight of each task beside the discriminative one", minimum=0.0, search=(0.05, 1.0)
    )
    decorrelation = Parameter(
        1500.0, "weight of the adversaries", minimum=0.0, search=(10.0, 3000.0), log=True
    )
    adversary_width = Parameter(512, "columns of the adversaries' hidden layer", minimum=1)
    queue = Parameter(3240, "keys the self-supervised task is contrasted with", minimum=16)
    momentum = Parameter(0.9, "of the slow copy", minimum=0.0, maximum=1.0, search=(0.5, 0.999))
    temperature = Parameter(
        0.01, "of the self-supervised task", above=0.0, search=(0.005, 0.2), log=True
    )
    slow_trunk = Parameter(True, "the slow copy is of the trunk, too, not of the branch alone")
    key_crop = Parameter(
        0.5, "least area share of the crop that the slow trunk sees", above=0.0, maximum=1.0
    )
    discriminative_weight = Parameter(0.75, "in the embedding", minimum=0.0)
    other_weight = Parameter(1.25, "of each other branch in the embedding", minimum=0.0)

    def head(self, dims: Dims) -> nn.Module:
        if dims.embedding < 4:
            raise UsageError(f"diva: embedding_dim {dims.embedding}, needs 4 or more")
        weights = dict.fromkeys(_BRANCHES, self.other_weight)
        weights["discriminative"] = self.discriminative_weight
        return BranchHead(dims.features, dims.embedding, weights)

    def terms(self, dims: Dims) -> dict[str, Term]:
        cutoffs = (self.lower_cutoff, self.upper_cutoff)
        tasks: dict[str, Term] = {
            "discriminative": self._task("discriminative", DistanceWeighted(*cutoffs), dims),
            "shared": Scaled(self._task("shared", AcrossClasses(*cutoffs), dims), self.alpha),
            "intra": Scaled(self._task("intra", WithinClass(), dims), self.alpha),
            "contrast": Scaled(self._contrast(dims), self.alpha),
        }
        widths = branch_widths(dims.embedding, _BRANCHES)
        for other in _BRANCHES[1:]:
            tasks[f"apart_{other}"] = Decorrelation(
                "discriminative",
                other,
                widths["discriminative"],
                widths[other],
                self.decorrelation,
                self.adversary_width,
            )
        return tasks

    def _task(self, branch: str, miner: Any, dims: Dims) -> LossTerm:
        loss = MarginLoss(
            dims.classes,
            self.beta,
            self.margin,
            learning_rate_factor=self.beta_learning_rate_factor,
        )
        return LossTerm(loss, miner, head=branch)

    def _contrast(self, dims: Dims) -> MomentumContrast:
        return MomentumContrast(
            dims.features,
            branch_widths(dims.embedding, _BRANCHES)["contrast"],
            "contrast",
            queue=self.queue,
            momentum=self.momentum,
            temperature=self.temperature,
            copy_trunk=self.slow_trunk,
            crop=self.key_crop,
        )
