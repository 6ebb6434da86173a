"""Uniform prior: an adversary pulls features or embeddings towards a uniform distribution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from oodml.core.parameters import Parameter
from oodml.methods.registry import register_wrapper
from oodml.methods.step import Dims, Step, full_precision
from oodml.methods.term import OwnOptimizer, ParameterGroup, Term
from oodml.methods.wrapper import Wrapper

# the released code's; the first is lower than usual, as is common for adversaries
_BETAS = (0.5, 0.999)


class UniformAdversary(Term):
    """A discriminator tells rows from draws of U(-1, 1); the rows learn to pass for such draws.

    Rows r are the features or embeddings [n, W] cut into W // chunk pieces of ``chunk`` columns
    each (columns left over are not seen), z as many draws, D the sigmoid of the discriminator d:

        discriminator   minimises  mean -log D(z) + mean -log(1 - D(r))
        term            weight * mean -log D(r)  =  weight * mean softplus(-d(r))

    In the steps 0, every, 2 every, ... the discriminator takes one update of its own Adam before
    the term is computed; the term's gradient does not reach it.

    The paper states a minimax game of log D; the released code, and this, let the rows minimise
    -log D(r) instead of log(1 - D(r)): the same fixed point, and a gradient that does not vanish
    where the discriminator is sure.
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
        self.adversary = OwnOptimizer(self.discriminator.parameters(), lr, _BETAS)

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
        return self.weight * F.softplus(-self._judged(step)).mean()

    @torch.no_grad()
    def observed(self, step: Step) -> dict[str, Tensor]:
        """How often the discriminator takes a row for a draw; near 1/2 it cannot tell."""
        return {"taken_for_uniform": torch.sigmoid(self._judged(step)).mean()}

    def _judged(self, step: Step) -> Tensor:
        fixed = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        logits: Tensor = functional_call(self.discriminator, fixed, (self._rows(step),))
        return logits

    def _rows(self, step: Step) -> Tensor:
        rows = full_precision(step.features) if self.on == "features" else step.embedding
        whole = rows.shape[1] // self.chunk * self.chunk
        return rows[:, :whole].reshape(-1, self.chunk)


@register_wrapper("uniform-prior")
class UniformPrior(Wrapper):
    """Adversarial regulariser towards U(-1, 1), on the trunk's features or on the embedding.

    By its name alone it is ooDML's run: margin loss with distance-weighted mining, and the values
    here (CUB and Cars; its SOP runs have weight 0.02, every 200, latent 50). The code draws negatives
    at every distance, upper_cutoff = 2, as the presets say. The paper's place is the backbone's
    pooled features, un-normalised; there it moves nothing where the backbone is frozen, so
    training.mode "head" needs ``on = "embedding"``. The discriminator's learning rate is its own
    and follows no schedule.
    """

    version = 2
    source = (
        "Sinha, Roth et al.: Uniform Priors for Data-Efficient Learning, CVPR Workshops 2022; "
        "released code of ooDML"
    )
    formula = (
        "loss + weight * mean_r -log D(r), D trained to tell pieces r of the rows from z ~ U(-1, 1)"
    )
    useful_with = ("multi-similarity",)
    alone_around = "margin"

    weight = Parameter(0.2, "of the adversary", minimum=0.0, search=(0.01, 1.0), log=True)
    on = Parameter(
        "features", "what is pulled: features or embedding", choices=("features", "embedding")
    )
    every = Parameter(10, "steps between updates of the discriminator", minimum=1)
    latent = Parameter(100, "width of the discriminator", minimum=1)
    chunk = Parameter(128, "columns it sees at once", minimum=1)
    learning_rate = Parameter(
        1e-5, "of the discriminator", above=0.0, search=(1e-6, 1e-3), log=True
    )

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        width = dims.features if self.on == "features" else dims.embedding
        return {
            "adversary": UniformAdversary(
                self.on, width, self.chunk, self.latent, self.weight, self.every, self.learning_rate
            )
        }
