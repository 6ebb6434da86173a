"""Uniform prior: an adversary pulls features or embeddings towards a uniform distribution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.registry import register_wrapper
from oodml.methods.step import Dims, Step
from oodml.methods.term import OwnOptimizer, ParameterGroup, Term
from oodml.methods.wrapper import Wrapper


class UniformAdversary(Term):
    """A discriminator tells rows from draws of U(-1, 1); the rows learn to pass for such draws.

    Rows are the features or embeddings cut into pieces of ``chunk`` columns. Every ``every`` steps
    the discriminator takes one update of its own Adam; the term is
    weight * mean softplus(-d(row)), the non-saturating generator loss.
    """

    def __init__(
        self, on: str, width: int, chunk: int, latent: int, weight: float, every: int, lr: float
    ) -> None:
        super().__init__()
        self.on = on
        self.chunk = min(chunk, width)
        self.weight = weight
        self.every = every
        if on == "features":
            self.needs = frozenset({"trunk"})  # type: ignore[misc]
        self.discriminator = nn.Sequential(
            nn.Linear(self.chunk, latent),
            nn.ReLU(),
            nn.Linear(latent, latent),
            nn.ReLU(),
            nn.Linear(latent, 1),
        )
        self.adversary = OwnOptimizer(self.discriminator.parameters(), lr)

    def groups(self) -> list[ParameterGroup]:
        return []  # the adversary's own optimiser trains it

    def before_update(self, step: Step) -> None:
        if step.number % self.every:
            return
        rows = self._rows(step).detach()
        prior = torch.rand_like(rows) * 2 - 1
        loss = F.softplus(self.discriminator(rows)).mean()
        loss = loss + F.softplus(-self.discriminator(prior)).mean()
        self.adversary.minimise(loss)

    def forward(self, step: Step) -> Tensor:
        return self.weight * F.softplus(-self.discriminator(self._rows(step))).mean()

    def _rows(self, step: Step) -> Tensor:
        rows = step.features.float() if self.on == "features" else step.embedding
        whole = rows.shape[1] // self.chunk * self.chunk
        return rows[:, :whole].reshape(-1, self.chunk)


@register_wrapper("uniform-prior")
class UniformPrior(Wrapper):
    """Adversarial regulariser towards U(-1, 1), on the trunk's features or on the embedding.

    The paper's place is the backbone's pooled features; there it moves nothing where the backbone
    is frozen, so training.mode "head" needs ``on = "embedding"``.
    """

    source = "Sinha, Roth et al.: Uniform Priors for Data-Efficient Learning; values of ooDML"
    useful_with = ("multi-similarity",)

    weight = Parameter(0.2, "of the adversary", minimum=0.0, search=(0.01, 1.0), log=True)
    on = Parameter(
        "features", "what is pulled: features or embedding", choices=("features", "embedding")
    )
    every = Parameter(10, "steps between updates of the discriminator", minimum=1)
    latent = Parameter(100, "width of the discriminator", minimum=1)
    chunk = Parameter(128, "columns it sees at once", minimum=1)
    learning_rate = Parameter(1e-4, "of the discriminator", above=0.0)

    def check(self, base: object) -> None:
        super().check(base)  # type: ignore[arg-type]
        if isinstance(base, UniformPrior):
            raise UsageError("uniform-prior stands twice around one method")

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        width = dims.features if self.on == "features" else dims.embedding
        return {
            "adversary": UniformAdversary(
                self.on, width, self.chunk, self.latent, self.weight, self.every, self.learning_rate
            )
        }
