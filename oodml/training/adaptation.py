"""k-shot adaptation: go on training a copy of the model on an episode's support set."""

from __future__ import annotations

import copy

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from oodml.core.errors import OodmlError
from oodml.core.randomness import kept_randomness, seed_all
from oodml.methods import Adaptation, Method, Term
from oodml.training.batches import batches_of
from oodml.training.feed import Feed
from oodml.training.initialise import initialise, initialise_classifiers
from oodml.training.loop import train
from oodml.training.model import Embedder, Parts
from oodml.training.moments import Moments
from oodml.training.selection import (
    Scores,
    Selection,
    SelectionRule,
    create_selection_rule,
)
from oodml.training.settings import TrainingSettings
from oodml.training.sources import ItemSource, SealedSource
from oodml.training.support_scores import SupportScores


def adapt(
    model: Embedder,
    method: Method,
    source: ItemSource,
    support: NDArray[np.int64],
    support_labels: NDArray[np.int64],
    settings: TrainingSettings,
    fabric: Fabric,
    *,
    seed: int,
    scores: Scores | None = None,
    adaptation: Adaptation | None = None,
    moments: Moments | None = None,
) -> tuple[Embedder, dict[str, Term]]:
    """A copy of ``model`` adapted to the support items, and the terms trained with it.

    With fewer shots than the adaptation needs, or without updates, the copy is as it was.

    Args:
        source: of all items; only the support is opened to the training.
        support: int64 [s], items to learn from.
        support_labels: int64 [s], their classes as 0..C-1.
        settings: of the training that made the model; steps, rates and rule are the adaptation's.
        scores: for a rule that stops by them, on the support only; by default what the
            adaptation's predictor makes of the support.
        adaptation: None for the method's own.
        moments: of the optimiser that trained the model, for an adaptation that carries them.

    Raises:
        UsageError: the method has no adaptation.
    """
    adaptation = adaptation or method.adaptation_or_error()
    adapting = adaptation.by or method
    copied = copy.deepcopy(model)
    parts: Parts = "head" if "head" in (adaptation.trains, settings.parts) else "all"
    classes, counts = np.unique(support_labels, return_counts=True)
    with kept_randomness():
        seed_all(seed)
        terms = adapting.terms(copied.dims(len(classes)))
        _draw_anew(copied, terms, adaptation, settings, parts)
    shots = int(counts.max())
    if not adaptation.learns(shots):
        for term in terms.values():
            fabric.to_device(term)
        return copied.eval(), terms
    if adaptation.carry_moments and moments is None:
        raise OodmlError("the moments of the source training are not at hand")
    if parts == "head":
        copied.trunk.requires_grad_(False)  # else every update would go back through it
    sealed = SealedSource(source, support)
    rule = adaptation.batches or batches_of(adapting, settings).on_support(shots)
    changed = settings_on_support(adaptation, settings)
    every = adaptation.evaluate_every or rule.epoch(support_labels, changed.batch_size)
    if scores is None:
        scores = SupportScores(
            adaptation.predictor,
            sealed,
            support,
            support_labels,
            terms.values(),
            fabric,
            adaptation.score_episodes,
            seed,
        )
    train(
        copied,
        terms,
        Feed(sealed, support, support_labels, rule, changed.batch_size, seed),
        changed.model_copy(update={"evaluate_every": every}),
        fabric,
        parts=parts,
        selection=Selection(
            _WithTerms(
                create_selection_rule(adaptation.rule, **adaptation.rule_options), copied, terms
            ),
            scores,
        ),
        moments=moments if adaptation.carry_moments else None,
    )
    return copied.eval(), terms


class _Both(nn.Module):
    """A model with the terms trained beside it; what it gives is the model's."""

    def __init__(self, model: Embedder, terms: dict[str, Term]) -> None:
        super().__init__()
        self.model = model
        self.terms = nn.ModuleDict(terms)

    def forward(self, inputs: Tensor) -> Tensor:
        embedding: Tensor = self.model(inputs)
        return embedding


class _WithTerms(SelectionRule):
    """A rule that keeps the terms' weights with the model's: a classifier decides after adapting."""

    def __init__(self, rule: SelectionRule, model: Embedder, terms: dict[str, Term]) -> None:
        super().__init__()
        self._rule = rule
        self._both = _Both(model, terms)
        self.needs = rule.needs  # type: ignore[misc]

    def observe(self, step: int, model: nn.Module, scores: Scores) -> bool:
        return self._rule.observe(step, self._both, scores)

    def finish(self, model: nn.Module) -> int | None:
        return self._rule.finish(self._both)


def settings_on_support(adaptation: Adaptation, settings: TrainingSettings) -> TrainingSettings:
    """The training's settings as they are on a support set."""
    changed = settings.at_rate(adaptation.learning_rate_factor).for_steps(adaptation.steps)
    return changed.model_copy(update=adaptation.changes)


def _draw_anew(
    model: Embedder,
    terms: dict[str, Term],
    adaptation: Adaptation,
    settings: TrainingSettings,
    parts: Parts,
) -> None:
    """Random weights where the adaptation begins from scratch; its new classifier's in any case.

    Of what does not train the weights stay: a frozen backbone of random ones would be of no use.
    """
    scheme = settings.initialisation
    if adaptation.fresh:
        initialise(
            model.head if parts == "head" else model, "torch" if scheme == "backbone" else scheme
        )
    if scheme != "backbone":
        initialise_classifiers(terms.values(), scheme)
