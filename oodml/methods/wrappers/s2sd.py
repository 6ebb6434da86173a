"""S2SD: the embedding learns from wider embeddings of the same features."""

from __future__ import annotations

import torch

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.method import Method
from oodml.methods.registry import register_wrapper
from oodml.methods.step import Dims
from oodml.methods.term import Term
from oodml.methods.terms.self_distillation import FeatureTeacher, SourceLoss, TargetBranch
from oodml.methods.wrapper import Wrapper


@register_wrapper("s2sd")
class S2SD(Wrapper):
    """Simultaneous similarity-based self-distillation: wider branches teach the embedding.

    By its name alone it is ooDML's run: margin loss with rho-regularised mining in the embedding
    and in every branch, and the values here (CUB; its Cars runs switch with probability 0.3, its SOP
    runs mine by distance alone, beta 0.9, weights 5, feature_delay 1000, not pooled). The code draws
    negatives at every distance, upper_cutoff = 2, as the presets say.

    KL is between the softmax of each row of the batch's cosines over T, the row's similarity with
    itself included, from the teacher (which gets no gradient) to the embedding, mean over rows,
    times T^2: the released code's reading of the paper's sum. The teachers are two-layer
    perceptrons of the features, each with a loss (and boundaries, proxies, miners) of its own.

    A wrapped margin loss's ``beta_learning_rate_factor`` has no effect: its boundaries learn at
    ``boundary_learning_rate_factor``.

    The wrapped method's loss must act on the embedding alone. ``pooled`` teaches from mean plus
    maximum of the feature maps, which cached features do not have: training.mode "head" needs
    ``pooled = false``.
    """

    version = 2
    source = "Roth, Milbich, Ommer et al.: S2SD, ICML 2021; released code of S2SD and of ooDML"
    formula = (
        "1/2 [loss(embedding) + mean_b loss(branch b)] + weight * mean_b T^2 KL(branch b || "
        "embedding) + feature_weight * T^2 KL(features || embedding)"
    )
    useful_with = ("multi-similarity",)
    alone_around = "r-margin"

    widths = Parameter((1024, 1536, 2048), "columns of the branches, one number a branch")
    weight = Parameter(
        50.0, "of the branches' teaching", minimum=0.0, search=(1.0, 100.0), log=True
    )
    feature_weight = Parameter(
        50.0, "of the features' teaching", minimum=0.0, search=(1.0, 100.0), log=True
    )
    temperature = Parameter(
        1.0, "of the softmax over similarities", above=0.0, search=(0.1, 10.0), log=True
    )
    delay = Parameter(0, "steps before the branches' teaching begins", minimum=0)
    feature_delay = Parameter(0, "steps before the features' teaching begins", minimum=0)
    pooled = Parameter(True, "teaches from mean plus maximum pooling of feature maps")
    boundary_learning_rate_factor = Parameter(
        1.0,
        "times the learning rate, for a margin loss's class boundaries, in place of the loss's own "
        "factor: the released code trains them with the rest",
        minimum=0.0,
        search=(1.0, 200.0),
        log=True,
    )

    def check(self, base: Method) -> None:
        super().check(base)
        wrong = [w for w in self.widths if type(w) is not int or w < 1]
        if wrong or not self.widths:
            raise UsageError(f"s2sd widths: expected whole numbers above 0, got {self.widths}")
        reads = _other_outputs(base)
        if reads:
            raise UsageError(
                f"s2sd cannot be put around {base.name!r}: its head gives {reads}, "
                "and s2sd teaches a single embedding"
            )

    def wrapped_terms(self, dims: Dims) -> dict[str, Term]:
        rate = self.boundary_learning_rate_factor
        return {name: SourceLoss(term, 0.5, rate) for name, term in self.base.terms(dims).items()}

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        found: dict[str, Term] = {
            f"branch_{place}": self._branch(dims, width)
            for place, width in enumerate(self.widths, start=1)
        }
        if self.feature_weight:
            found["features"] = FeatureTeacher(
                self.feature_weight, self.temperature, self.feature_delay, self.pooled
            )
        return found

    def _branch(self, dims: Dims, width: int) -> TargetBranch:
        count = len(self.widths)
        return TargetBranch(
            dims,
            width,
            self.base.terms(Dims(dims.features, width, dims.classes)),
            share=0.5 / count,
            weight=self.weight / count,
            temperature=self.temperature,
            delay=self.delay,
            pooled=self.pooled,
            boundary_rate=self.boundary_learning_rate_factor,
        )


def _other_outputs(base: Method) -> str:
    """Names of what a method's head gives besides the embedding."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        given = base.head(Dims(features=8, embedding=8, classes=2))(torch.zeros(1, 8))
    names = set(given) - {"embedding"} if isinstance(given, dict) else set()
    return ", ".join(sorted(names))
