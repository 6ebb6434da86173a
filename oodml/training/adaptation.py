"""k-shot adaptation: go on training a copy of the model on an episode's support set."""

from __future__ import annotations

import copy

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from oodml.core.randomness import kept_randomness, seed_all
from oodml.methods import Method, Term
from oodml.training.feed import Feed
from oodml.training.loop import train
from oodml.training.model import Embedder
from oodml.training.selection import Scores, Selection, create_selection_rule
from oodml.training.settings import TrainingSettings
from oodml.training.sources import ItemSource, SealedSource


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
) -> tuple[Embedder, dict[str, Term]]:
    """A copy of ``model`` adapted to the support items, and the terms trained with it.

    With fewer shots than the adaptation needs, or without updates, the copy is as it was.

    Args:
        source: of all items; only the support is opened to the training.
        support: int64 [s], items to learn from.
        support_labels: int64 [s], their classes as 0..C-1.
        settings: of the training that made the model; steps, rates and rule are the adaptation's.
        scores: for a rule that stops by them, on the support only.

    Raises:
        UsageError: the method has no adaptation.
    """
    adaptation = method.adaptation_or_error()
    copied = copy.deepcopy(model)
    classes, counts = np.unique(support_labels, return_counts=True)
    with kept_randomness():
        seed_all(seed)
        terms = method.terms(model.dims(len(classes)))
    shots = int(counts.max())
    if adaptation.steps and shots >= adaptation.minimum_shots:
        sealed = SealedSource(source, support)
        rule = method.batches().on_support(shots)
        feed = Feed(sealed, support, support_labels, rule, settings.batch_size, seed)
        changed = settings.at_rate(adaptation.learning_rate_factor).for_steps(adaptation.steps)
        selection = Selection(create_selection_rule(adaptation.rule), scores)
        train(copied, terms, feed, changed, fabric, parts=adaptation.trains, selection=selection)
    else:
        for term in terms.values():
            fabric.to_device(term)
    return copied.eval(), terms
