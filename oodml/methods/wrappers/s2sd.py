"""S2SD: the embedding learns from wider embeddings of the same features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.registry import register_wrapper
from oodml.methods.step import Dims, Step
from oodml.methods.term import Model, ParameterGroup, Scaled, Term
from oodml.methods.wrapper import Wrapper


class TargetBranch(Term):
    """A wider embedding of the features, trained by the wrapped method's loss, that teaches.

    term = share * loss(target) + weight * KL(softmax(S_target / T) || softmax(S_embedding / T)),
    S the cosines of a batch, rows without themselves, the target's detached; mean over rows, times
    T^2. From ``delay`` steps on the teaching counts.
    """

    def __init__(
        self,
        dims: Dims,
        width: int,
        losses: dict[str, Term],
        share: float,
        weight: float,
        temperature: float,
        delay: int,
        pooled: bool,
    ) -> None:
        super().__init__()
        inputs = dims.features
        self.target = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))
        self.losses = nn.ModuleDict(losses)
        self.share = share
        self.weight = weight
        self.temperature = temperature
        self.delay = delay
        self.pooled = pooled
        own = frozenset({"maps"}) if pooled else frozenset()
        self.needs = own.union(*(one.needs for one in losses.values()))  # type: ignore[misc]

    def _terms(self) -> list[Term]:
        return [one for one in self.losses.values() if isinstance(one, Term)]

    def groups(self) -> list[ParameterGroup]:
        found = [ParameterGroup(list(self.target.parameters()))]
        return found + [group for one in self._terms() for group in one.groups()]

    def start(self, model: Model) -> None:
        for one in self._terms():
            one.start(model)

    def before_update(self, step: Step) -> None:
        if any(type(one).before_update is not Term.before_update for one in self._terms()):
            seen = step.with_embedding(self._target_of(step))
            for one in self._terms():
                one.before_update(seen)

    def forward(self, step: Step) -> Tensor:
        target = self._target_of(step)
        seen = step.with_embedding(target)
        total = self.share * torch.stack([one(seen) for one in self._terms()]).sum()
        if step.number >= self.delay:
            total = total + self.weight * similarity_divergence(
                target.detach(), step.embedding, self.temperature
            )
        return total

    def after_update(self, model: Model, step: Step) -> None:
        if any(type(one).after_update is not Term.after_update for one in self._terms()):
            with torch.no_grad():
                seen = step.with_embedding(self._target_of(step))
            for one in self._terms():
                one.after_update(model, seen)

    def _target_of(self, step: Step) -> Tensor:
        found: Tensor = self.target(pooled_features(step) if self.pooled else step.features.float())
        return found


class FeatureTeacher(Term):
    """The same teaching by the trunk's features themselves (pooled twice where ``pooled``)."""

    def __init__(self, weight: float, temperature: float, delay: int, pooled: bool) -> None:
        super().__init__()
        self.weight = weight
        self.temperature = temperature
        self.delay = delay
        self.pooled = pooled
        self.needs = frozenset({"maps"}) if pooled else frozenset()  # type: ignore[misc]

    def forward(self, step: Step) -> Tensor:
        if step.number < self.delay:
            return step.embedding.sum() * 0.0
        features = pooled_features(step) if self.pooled else step.features.float()
        return self.weight * similarity_divergence(
            features.detach(), step.embedding, self.temperature
        )


def similarity_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T^2 mean_i KL(p_i || q_i), p and q the softmax of row i of the batch's cosines over T.

    [n, A], [n, B] -> scalar. A row's similarity with itself is left out.
    """
    off = ~torch.eye(len(teacher), dtype=torch.bool, device=teacher.device)

    def log_rows(rows: Tensor) -> Tensor:
        unit = F.normalize(rows, dim=1)
        cosines = (unit @ unit.T)[off].reshape(len(rows), -1)
        return F.log_softmax(cosines / temperature, dim=1)

    p, q = log_rows(teacher), log_rows(student)
    return temperature**2 * (p.exp() * (p - q)).sum(dim=1).mean()


def pooled_features(step: Step) -> Tensor:
    """Mean plus maximum of the feature maps over their places: [n, C]."""
    assert step.maps is not None  # the loop gives maps to terms that need them
    maps = step.maps.float()
    return maps.mean(dim=(2, 3)) + maps.amax(dim=(2, 3))


@register_wrapper("s2sd")
class S2SD(Wrapper):
    """Simultaneous similarity-based self-distillation: wider branches teach the embedding.

    loss = 1/2 [loss(embedding) + mean_b loss(branch b)]
           + weight mean_b KL(branch b || embedding) + feature_weight KL(features || embedding).

    The wrapped method's loss must act on the embedding alone. ``pooled`` adds maximum-pooled
    feature maps, which cached features do not have.
    """

    source = "Roth, Milbich, Ommer et al.: S2SD, ICML 2021; values of ooDML's CUB runs"
    useful_with = ("multi-similarity",)

    widths = Parameter((1024, 1536, 2048), "columns of the branches")
    weight = Parameter(
        50.0, "of the branches' teaching", minimum=0.0, search=(1.0, 100.0), log=True
    )
    feature_weight = Parameter(50.0, "of the features' teaching", minimum=0.0)
    temperature = Parameter(1.0, "of the softmax over similarities", above=0.0)
    delay = Parameter(0, "steps before teaching begins", minimum=0)
    pooled = Parameter(False, "branches see mean plus maximum pooling of feature maps")

    def check(self, base: object) -> None:
        super().check(base)  # type: ignore[arg-type]
        wrong = [w for w in self.widths if type(w) is not int or w < 1]
        if wrong or not self.widths:
            raise UsageError(f"s2sd widths: expected whole numbers above 0, got {self.widths}")
        reads = _other_outputs(base)
        if reads:
            raise UsageError(
                f"s2sd cannot be put around {base.name!r}: its head gives {reads}, "  # type: ignore[attr-defined]
                "and s2sd teaches a single embedding"
            )

    def wrapped_terms(self, dims: Dims) -> dict[str, Term]:
        return {name: Scaled(term, 0.5) for name, term in self.base.terms(dims).items()}

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        count = len(self.widths)
        found: dict[str, Term] = {}
        for width in self.widths:
            branch = TargetBranch(
                dims,
                width,
                self.base.terms(Dims(dims.features, width, dims.classes)),
                0.5 / count,
                self.weight / count,
                self.temperature,
                self.delay,
                self.pooled,
            )
            found[f"branch_{width}"] = branch
        if self.feature_weight:
            found["features"] = FeatureTeacher(
                self.feature_weight, self.temperature, self.delay, self.pooled
            )
        return found


def _other_outputs(base: object) -> str:
    """Names of what a method's head gives besides the embedding."""
    from oodml.methods.method import Method

    assert isinstance(base, Method)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        given = base.head(Dims(features=8, embedding=8, classes=2))(torch.zeros(1, 8))
    names = set(given) - {"embedding"} if isinstance(given, dict) else set()
    return ", ".join(sorted(names))
