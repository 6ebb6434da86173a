"""Split + method -> trained model. The only file of this room that calls the training room's loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.evaluation import evaluate
from oodml.methods import Method, Objective
from oodml.runs.plan.cells import Cell
from oodml.runs.plan.selection import selection_rule
from oodml.runs.plan.split import Items, Split, joined
from oodml.runs.workbench import Workbench
from oodml.training import Embedder, ItemSource, SealedSource, TrainingSettings, adapt, embed
from oodml.training.checkpoints import Checkpoint
from oodml.training.loop import train
from oodml.training.selection import SelectionRule

OnStep = Callable[[int, int], None]
_PROBE_STEPS = 3


@dataclass(frozen=True)
class AdaptedModel:
    """A model adapted to an episode's support."""

    _embedder: Embedder
    _objective: Objective
    _source: ItemSource
    _fabric: Fabric
    predicts: bool  # whether it carries a classifier of the support's classes

    def embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings float32 [n, d] of rows of the data set."""
        return embed(self._embedder, self._source, rows, self._fabric)

    def predict(self, embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
        """Class 0..C-1 of each embedding, by the model's own classifier: int64 [n]."""
        with torch.inference_mode():
            found = self._objective.predict(self._fabric.to_device(torch.from_numpy(embeddings)))
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

    def embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings float32 [n, d] of rows of the data set."""
        source, fabric = self._bench.source(self._settings), self._bench.fabric(self._settings)
        return embed(self._embedder, source, rows, fabric)

    def adapts(self, shots: int) -> bool:
        """Whether the method goes on learning from so many images a class."""
        adaptation = self._method.adaptation()
        return adaptation is not None and shots >= adaptation.minimum_shots

    def adapted(
        self, support: NDArray[np.int64], labels: NDArray[np.int64], *, shots: int, seed: int
    ) -> AdaptedModel:
        """A copy adapted to a support set.

        Args:
            support: int64 [s], rows of the data set.
            labels: int64 [s], their classes as 0..C-1.
        """
        adaptation = self._method.adaptation()
        assert adaptation is not None
        source, fabric = self._bench.source(self._settings), self._bench.fabric(self._settings)
        embedder, objective = adapt(
            self._embedder,
            adaptation,
            self._method,
            source,
            support,
            labels,
            rows=len(self._bench.items.ids),
            shots=shots,
            fabric=fabric,
            settings=self._settings,
            seed=seed,
        )
        return AdaptedModel(
            embedder, objective, source, fabric, adaptation.predictor == "classifier"
        )

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
    if rule.needs_validation and not len(split.val):
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
) -> TrainedModel:
    """Train the cell's method on its split. Only train and val items are opened.

    Args:
        checkpoint_path: where an interrupted training continues; the file goes when the cell is
            committed.
        on_step: called with (steps done, steps in all).
    """
    settings = TrainingSettings(**cell.training)
    rule = selection_rule(settings)
    items = training_items(split, rule)
    seed = cell.derived_seed("cell")
    torch.manual_seed(derived_seed("weights", seed))
    embedder = Embedder(
        bench.trunk(settings),
        bench.features.shape[1],
        settings.embedding_dim,
        settings.freeze_batch_norm,
    )
    objective = method.objective(settings.embedding_dim, len(items.class_names))
    fabric = bench.fabric(settings)
    opened = np.concatenate([items.rows, split.val.rows])
    source = SealedSource(bench.source(settings), opened, len(bench.items.ids))

    def score(model: nn.Module) -> float:
        embeddings = embed(model, source, split.val.rows, fabric)
        report = evaluate(embeddings, split.val.labels, metrics=["map_at_r"])
        return float(report.metrics["map_at_r"])

    kept = train(
        embedder,
        objective,
        source,
        items.rows,
        items.labels,
        fabric=fabric,
        settings=settings,
        steps=settings.steps,
        images_per_class=method.images_per_class,
        learning_rate_factor=method.learning_rate_factor,
        seed=seed,
        rule=rule,
        score=score,
        checkpoint=Checkpoint(checkpoint_path, cell.run_id),
        on_step=(lambda done: on_step(done, settings.steps)) if on_step else None,
    )
    return TrainedModel(kept, method, embedder, bench, settings)


class _RandomInputs:
    """Inputs of the right shape for timing, standing in for a data set that is not opened."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return torch.randn(len(indices), *self._shape)

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        raise NotImplementedError


def seconds_a_step(
    method: Method, settings: TrainingSettings, trunk: nn.Module, feature_dim: int, shape: Any
) -> float:
    """Time of one update on random inputs of ``shape``, from a few real ones on the processor."""
    embedder = Embedder(trunk, feature_dim, settings.embedding_dim)
    classes = max(2, settings.batch_size // method.images_per_class)
    labels = np.arange(settings.batch_size * 2, dtype=np.int64) % classes
    marks: list[float] = []
    train(
        embedder,
        method.objective(settings.embedding_dim, classes),
        _RandomInputs(tuple(shape)),
        np.arange(len(labels)),
        labels,
        fabric=Fabric(accelerator="cpu", devices=1),
        settings=settings,
        steps=_PROBE_STEPS,
        images_per_class=method.images_per_class,
        learning_rate_factor=method.learning_rate_factor,
        seed=0,
        rule=SelectionRule(),
        on_step=lambda _: marks.append(time.perf_counter()),
    )
    # the first step pays for set-up, the later ones are the rule
    return (marks[-1] - marks[0]) / (len(marks) - 1)


def adaptation_steps(method: Method, shots: int) -> int:
    """Updates that adapting to one support set takes."""
    adaptation = method.adaptation()
    if adaptation is None or shots < adaptation.minimum_shots:
        return 0
    return adaptation.steps
