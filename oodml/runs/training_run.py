"""Split + method -> trained model. The only file of this room that calls the training room's loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import nn

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.core.randomness import seed_all
from oodml.evaluation import evaluate
from oodml.features.engines import create_engine
from oodml.methods import Adaptation, Dims, Method, Term
from oodml.methods.term import classifier_of
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.selection import selection_rule
from oodml.runs.plan.split import Items, Split, joined
from oodml.runs.workbench import Workbench
from oodml.training import (
    Checkpoint,
    Embedder,
    Feed,
    ItemSource,
    Moments,
    SealedSource,
    Selection,
    SelectionRule,
    TrainingLog,
    TrainingSettings,
    adapt,
    batches_of,
    embed,
    initialise,
    initialise_classifiers,
    start_from_features,
    train,
)

OnStep = Callable[[int, int], None]
# Below so many images exporting the network takes longer than running it as it is.
_ENGINE_ROWS = 512


@dataclass(frozen=True)
class AdaptedModel:
    """A model adapted to an episode's support."""

    _embedder: Embedder
    _terms: dict[str, Term]
    _source: ItemSource
    _fabric: Fabric
    predictor: str  # "classifier" where it carries one of its own, else one on embeddings

    def embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings float32 [n, d] of rows of the data set."""
        return embed(self._embedder, self._source, rows, self._fabric)

    def predict(self, embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
        """Class 0..C-1 of each embedding, by the model's own classifier: int64 [n]."""
        with torch.inference_mode():
            given = self._fabric.to_device(torch.from_numpy(embeddings))
            found = classifier_of(self._terms.values()).predict(given)
        classes: NDArray[np.int64] = found.cpu().numpy()
        return classes


@dataclass(frozen=True)
class TrainedModel:
    """A model after training, and what adapting it needs.

    Attributes:
        kept_step: the step whose weights were kept; None for the last.
    """

    kept_step: int | None
    _method: Method
    _embedder: Embedder
    _bench: Workbench
    _settings: TrainingSettings
    _moments: Moments | None = None

    def embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings float32 [n, d] of rows of the data set."""
        return self.embed_from(self._bench.source(self._settings), rows)

    def embed_from(self, source: ItemSource, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings float32 [n, d] of rows of any source in the mode the model was trained in.

        A whole network over many images runs in an inference engine, as feature extraction does.
        """
        on_vectors = self._settings.mode == "head" or self._bench.preprocessing is None
        if on_vectors or len(rows) < _ENGINE_ROWS:
            return embed(self._embedder, source, rows, self._bench.fabric(self._settings))
        batches = source.evaluation_batches(rows)
        first = next(batches)
        engine = create_engine(
            "auto", self._embedder.eval(), first, self._bench.device, self._settings.precision
        )
        blocks = [engine.run(batch) for batch in itertools.chain([first], batches)]
        return np.concatenate([np.asarray(block, np.float32) for block in blocks])

    @property
    def method(self) -> Method:
        """What was trained."""
        return self._method

    def learns(self, shots: int) -> bool:
        """Whether the model goes on learning from so many images a class."""
        adaptation = self._method.adaptation()
        return adaptation is not None and adaptation.learns(shots)

    def decider(self, shots: int) -> str | None:
        """The classifier on embeddings that the method names for itself, where it does not learn on."""
        adaptation = self._method.adaptation()
        if adaptation is None or adaptation.learns(shots) or adaptation.predictor == "classifier":
            return None
        return adaptation.predictor

    def adapted(
        self,
        support: NDArray[np.int64],
        labels: NDArray[np.int64],
        *,
        seed: int,
        adaptation: Adaptation | None = None,
    ) -> AdaptedModel:
        """A copy adapted to a support set.

        Args:
            support: int64 [s], rows of the data set.
            labels: int64 [s], their classes as 0..C-1.
            adaptation: None for the method's own.
        """
        chosen = adaptation or self._method.adaptation_or_error()
        source, fabric = self._bench.source(self._settings), self._bench.fabric(self._settings)
        embedder, terms = adapt(
            self._embedder,
            self._method,
            source,
            support,
            labels,
            self._settings,
            fabric,
            seed=seed,
            adaptation=chosen,
            moments=self._moments,
        )
        return AdaptedModel(embedder, terms, source, fabric, chosen.predictor)

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        weights = {k: v.contiguous().cpu() for k, v in self._embedder.state_dict().items()}
        path.write_bytes(save(weights))  # save_file would make it private to the user


def training_items(split: Split, rule: SelectionRule) -> Items:
    """What a rule trains on: the split's train items, with val where it selects without them."""
    parts = {"train": split.train, "val": split.val}
    return joined(parts[part] for part in rule.trains_on)


def check_trainable(split: Split, rule: SelectionRule) -> None:
    """UsageError where a split has nothing to select by or to learn from."""
    where = f"{split.condition}, level {split.level}"
    if rule.needs == "validation" and not len(split.val):
        raise UsageError(
            f"selection rule {rule.name!r} needs validation, but {where} has no validation images"
        )
    if len(training_items(split, rule).class_names) < 2:
        raise UsageError(f"{where} has fewer than two classes to train on")


def train_cell(
    cell: Cell,
    method: Method,
    split: Split,
    bench: Workbench,
    checkpoint_path: Path,
    on_step: OnStep | None = None,
    *,
    fabric: Fabric | None = None,
    log: TrainingLog | None = None,
) -> TrainedModel:
    """Train the cell's method on its split.

    Only train and val items are opened, but for a rule that is declared unfair.

    Args:
        checkpoint_path: where an interrupted training continues; the file goes when the cell is
            committed.
        on_step: called with (steps done, steps in all).
        fabric: launched, where several processes train the cell; each calls this alike.
    """
    settings = TrainingSettings(**cell.training)
    rule = selection_rule(settings)
    items = training_items(split, rule)
    seed = cell.training_seed
    seed_all(derived_seed("weights", seed))
    embedder = _fresh(method, bench, settings, len(items.class_names))
    terms = method.terms(embedder.dims(len(items.class_names)))
    if settings.initialisation != "backbone":
        drawn = embedder.head if settings.parts == "head" else embedder
        initialise(drawn, settings.initialisation)
        initialise_classifiers(terms.values(), settings.initialisation)
    elif settings.head_start == "projection" and method.learns_from_source:
        features = np.asarray(bench.features[items.rows])
        start_from_features(embedder.head, features, settings.input_length)
    fabric = fabric or bench.fabric(settings)
    if not method.learns_from_source:
        fabric.to_device(embedder)
        return TrainedModel(0, method, embedder.eval(), bench, settings)
    source, scores = _opened(rule, split, items, bench.source(settings), fabric)
    trained = train(
        embedder,
        terms,
        Feed(
            source,
            items.rows,
            items.labels,
            batches_of(method, settings),
            settings.batch_size,
            seed,
        ),
        settings.at_rate(method.learning_rate_factor),
        fabric,
        parts=settings.parts,
        selection=Selection(rule, scores),
        checkpoint=Checkpoint(checkpoint_path, cell.run_id),
        on_step=(lambda done: on_step(done, settings.steps)) if on_step else None,
        log=log,
    )
    return TrainedModel(
        trained.kept_step, method, embedder, bench, settings, _moments=trained.moments
    )


def trained_before(
    cell: Cell, method: Method, split: Split, bench: Workbench, weights: Path
) -> TrainedModel:
    """The model of a finished cell that was trained alike, from its weights."""
    settings = TrainingSettings(**cell.training)
    classes = len(training_items(split, selection_rule(settings)).class_names)
    embedder = _fresh(method, bench, settings, classes)
    embedder.load_state_dict(load_file(weights))
    return TrainedModel(None, method, embedder.eval(), bench, settings)


def fit_cell(cell: Cell, method: Method, split: Split, bench: Workbench) -> TrainedModel:
    """A method in closed form, fitted to the cached features of train and val items."""
    items = joined([split.train, split.val])
    seed_all(derived_seed("weights", cell.training_seed))
    return _fitted(method, bench, method.fit(np.asarray(bench.features[items.rows]), items.labels))


def fitted_before(method: Method, bench: Workbench, weights: Path) -> TrainedModel:
    """The model of a finished cell whose method was fitted, from its weights."""
    model = _fitted(method, bench, method.unfitted_head(bench.features.shape[1]))
    model._embedder.load_state_dict(load_file(weights))
    return model


def _fitted(method: Method, bench: Workbench, head: nn.Module) -> TrainedModel:
    width = bench.features.shape[1]
    settings = TrainingSettings(input_length=0.0)
    embedder = Embedder(nn.Identity(), head, width, width).eval()
    return TrainedModel(None, method, embedder, bench, settings)


def _fresh(method: Method, bench: Workbench, settings: TrainingSettings, classes: int) -> Embedder:
    width = bench.features.shape[1]
    dims = Dims(width, settings.embedding_dim or width, classes)
    return Embedder.of(method, bench.trunk(settings), dims, settings)


def _opened(
    rule: SelectionRule, split: Split, items: Items, source: ItemSource, fabric: Fabric
) -> tuple[SealedSource, _SplitScores]:
    """What a rule's training may open, and its scores. The test side is sealed for a fair rule."""
    opened = [items.rows, split.val.rows]
    if rule.fair:
        sealed = SealedSource(source, np.concatenate(opened))
        return sealed, _SplitScores(sealed, split.val, items, fabric)
    unsealed = SealedSource(source, np.concatenate([*opened, split.test.rows]))
    return unsealed, _OracleScores(unsealed, split.val, items, fabric, split.test)


@dataclass(frozen=True)
class _SplitScores:
    """MAP@R, or Recall@1, of the model as it stands, on what a rule may look at."""

    _source: ItemSource
    _val: Items
    _train: Items
    _fabric: Fabric

    def validation(self, model: nn.Module) -> float:
        return self._score(model, self._val, "map_at_r")

    def validation_recall(self, model: nn.Module) -> float:
        return self._score(model, self._val, "recall_at_1")

    def training(self, model: nn.Module) -> float:
        return self._score(model, self._train, "map_at_r")

    def _score(self, model: nn.Module, items: Items, metric: str) -> float:
        embeddings = embed(model, self._source, items.rows, self._fabric)
        report = evaluate(embeddings, items.labels, metrics=[metric])
        return float(report.metrics[metric])


@dataclass(frozen=True)
class _OracleScores(_SplitScores):
    """The same and the test side's, which a fair rule is never given."""

    _test: Items

    def test(self, model: nn.Module) -> float:
        return self._score(model, self._test, "map_at_r")
