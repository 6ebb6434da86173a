"""Wider embeddings of the same features that teach the embedding, as in S2SD."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods.step import Dims, Step, full_precision
from oodml.methods.term import Model, ParameterGroup, Scaled, Term


def similarity_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T^2 mean_i KL(p_i || q_i), p and q the softmax of row i of the batch's cosines over T.

    [n, A] and [n, B] -> scalar. p is of the teacher, which gets no gradient. A row is that of the
    whole matrix, its similarity 1 with itself included.
    """

    def log_rows(rows: Tensor) -> Tensor:
        unit = F.normalize(rows, dim=1)
        return F.log_softmax(unit @ unit.T / temperature, dim=1)

    with torch.no_grad():
        p = log_rows(teacher)
    divergence = F.kl_div(log_rows(student), p, reduction="batchmean", log_target=True)
    return temperature**2 * divergence


def taught_from(step: Step, pooled: bool) -> Tensor:
    """What branches see [n, F]: the features or, pooled, mean plus maximum of the feature maps."""
    if not pooled:
        return full_precision(step.features)
    assert step.maps is not None  # the loop gives maps to terms that need them
    maps = full_precision(step.maps)
    return maps.mean(dim=(2, 3)) + maps.amax(dim=(2, 3))


class TargetBranch(Term):
    """A wider embedding of the features, trained by the wrapped method's loss, that teaches.

    term = share * loss(target) + weight * divergence(target -> embedding), of
    `similarity_divergence`; the target is a two-layer perceptron F -> width -> width of the features.
    The divergence counts from step ``delay`` on, and moves the embedding alone.

    Args:
        losses: the wrapped method's terms, made for ``width`` columns.
        boundary_rate: as of `groups_of`.
    """

    def __init__(
        self,
        dims: Dims,
        width: int,
        losses: Mapping[str, Term],
        *,
        share: float,
        weight: float,
        temperature: float,
        delay: int,
        pooled: bool,
        boundary_rate: float = 1.0,
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
        self.boundary_rate = boundary_rate
        own = frozenset({"maps"}) if pooled else frozenset()
        self.needs = own.union(*(one.needs for one in losses.values()))  # type: ignore[misc]

    def _terms(self) -> list[Term]:
        return [one for one in self.losses.values() if isinstance(one, Term)]

    def groups(self) -> list[ParameterGroup]:
        found = [ParameterGroup(list(self.target.parameters()))]
        return found + groups_of(self._terms(), self.boundary_rate)

    def start(self, model: Model) -> None:
        for one in self._terms():
            one.start(model)

    def before_update(self, step: Step) -> None:
        if any(type(one).before_update is not Term.before_update for one in self._terms()):
            seen = step.with_embedding(self.target_of(step))
            for one in self._terms():
                one.before_update(seen)

    def forward(self, step: Step) -> Tensor:
        target = self.target_of(step)
        seen = step.with_embedding(target)
        total = self.share * torch.stack([one(seen) for one in self._terms()]).sum()
        if step.number >= self.delay:
            taught = similarity_divergence(target, step.embedding, self.temperature)
            total = total + self.weight * taught
        return total

    def after_update(self, model: Model, step: Step) -> None:
        if any(type(one).after_update is not Term.after_update for one in self._terms()):
            with torch.no_grad():
                seen = step.with_embedding(self.target_of(step))
            for one in self._terms():
                one.after_update(model, seen)

    @torch.no_grad()
    def observed(self, step: Step) -> dict[str, Tensor]:
        """The divergence without its weight."""
        target = self.target_of(step)
        return {"divergence": similarity_divergence(target, step.embedding, self.temperature)}

    def target_of(self, step: Step) -> Tensor:
        """The branch's embedding [n, width], not normalised."""
        seen = taught_from(step, self.pooled)
        expected = self.target[0].in_features
        if seen.shape[1] != expected:
            raise UsageError(
                f"s2sd pooled: the backbone's feature maps have {seen.shape[1]} channels and its "
                f"features {expected} columns; use pooled = false"
            )
        found: Tensor = self.target(seen)
        return found


class FeatureTeacher(Term):
    """The same teaching by the trunk's features themselves: weight * divergence(features ->
    embedding) from step ``delay`` on."""

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
        features = taught_from(step, self.pooled)
        return self.weight * similarity_divergence(features, step.embedding, self.temperature)


class SourceLoss(Scaled):
    """A term of the wrapped method on the embedding itself, times ``factor``."""

    def __init__(self, term: Term, factor: float, boundary_rate: float = 1.0) -> None:
        super().__init__(term, factor)
        self.boundary_rate = boundary_rate

    def groups(self) -> list[ParameterGroup]:
        return groups_of([self.term], self.boundary_rate)


def groups_of(terms: Iterable[Term], boundary_rate: float) -> list[ParameterGroup]:
    """What the main optimiser trains of ``terms``.

    Args:
        boundary_rate: times the learning rate, for a margin loss's class boundaries (parameters
            called ``boundaries``) in place of the loss's own factor.
    """
    found = []
    for term in terms:
        named = term.named_parameters()
        learned = {id(p) for name, p in named if name.rpartition(".")[2] == "boundaries"}
        for group in term.groups():
            if all(id(p) in learned for p in group.parameters):
                group = replace(group, factor=boundary_rate)
            found.append(group)
    return found
