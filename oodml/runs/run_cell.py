"""Train and evaluate one cell. Everything a cell does happens here, on one thread count."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from oodml.core.files import write_json
from oodml.core.hashing import derived_seed
from oodml.evaluation import Report, evaluate, save_ranks
from oodml.methods import Method
from oodml.runs.cells import Cell
from oodml.runs.kshot import kshot_rows
from oodml.runs.rows import result_row
from oodml.runs.store import CellStore
from oodml.runs.workbench import Workbench
from oodml.training import (
    Checkpoint,
    Embedder,
    Feed,
    SealedSource,
    Selection,
    TrainingSettings,
    create_selection_rule,
    embed,
    train,
)

_RESAMPLES = 2_000  # of the classes, behind each stored interval

OnStep = Callable[[int, int], None]


def run_cell(cell: Cell, bench: Workbench, store: CellStore, on_step: OnStep | None = None) -> None:
    """Train, evaluate and store one cell.

    Args:
        on_step: called with (steps done, steps in all) while training.
    """
    start = time.perf_counter()
    method = cell.create_method()
    level = bench.level(cell.level)
    test, test_labels = bench.items(level.test)
    checkpoint = Checkpoint(store.folder / "checkpoints" / f"{cell.run_id}.pt", cell.run_id)
    embedder: Embedder | None = None
    kept: int | None = None
    if method.trains:
        settings = TrainingSettings(**cell.training)
        embedder, kept = _trained(cell, bench, method, settings, checkpoint, on_step)
        embeddings = embed(embedder, bench.source(settings), test, bench.fabric(settings))
    else:
        embeddings = np.asarray(bench.table.features[test])
    report = evaluate(
        embeddings,
        [level.test[position] for position in test_labels],
        metrics=list(cell.evaluation["metrics"]),
        ids=[bench.table.image_ids[row] for row in test],
        similarity=cell.evaluation["similarity"],
        # with the validation classes, so that it is one number for all methods of a level
        train_classes=len(level.train) + len(level.val),
    )
    rows = _metric_rows(report)
    rows += kshot_rows(cell, bench, method, embedder, embeddings, test, test_labels)

    def write(folder: Path) -> None:
        write_json(folder / "metrics.json", rows)
        save_ranks(report.ranks, folder / "ranks.parquet")
        if embedder is not None:
            weights = {k: v.contiguous().cpu() for k, v in embedder.state_dict().items()}
            save_file(weights, folder / "embedder.safetensors")
        seconds = time.perf_counter() - start
        write_json(folder / "timing.json", {"seconds": seconds, "kept_step": kept})

    store.finish(cell, write)
    checkpoint.remove()


def _trained(
    cell: Cell,
    bench: Workbench,
    method: Method,
    settings: TrainingSettings,
    checkpoint: Checkpoint,
    on_step: OnStep | None,
) -> tuple[Embedder, int | None]:
    level = bench.level(cell.level)
    rule = create_selection_rule(settings.selection)
    parts = {"train": level.train, "val": level.val}
    classes = tuple(sorted(name for part in rule.trains_on for name in parts[part]))
    items, labels = bench.items(classes)
    # the method is not part of the seed: every method starts from the same head and sees the
    # same batches (where its batches have the same shape), so differences are the method's
    seed = derived_seed("cell", cell.ladder_sha256, cell.level, cell.seed)
    torch.manual_seed(derived_seed("weights", seed))
    embedder = bench.embedder(method, settings)
    terms = method.terms(embedder.dims(len(classes)))
    fabric = bench.fabric(settings)
    validation, validation_labels = bench.items(level.val)
    opened = np.concatenate([items, validation])
    source = SealedSource(bench.source(settings), opened)
    feed = Feed(source, items, labels, method.batches(), settings.batch_size, seed)

    class _Scores:
        def validation(self, model: nn.Module) -> float:
            embeddings = embed(model, source, validation, fabric)
            return float(
                evaluate(embeddings, validation_labels, metrics=["map_at_r"]).metrics["map_at_r"]
            )

        def training(self, model: nn.Module) -> float:
            raise NotImplementedError

    kept = train(
        embedder,
        terms,
        feed,
        settings.at_rate(method.learning_rate_factor),
        fabric,
        selection=Selection(rule, _Scores()),
        checkpoint=checkpoint,
        on_step=(lambda done: on_step(done, settings.steps)) if on_step else None,
    )
    return embedder, kept.kept_step


def _metric_rows(report: Report) -> list[dict[str, Any]]:
    """A row a metric: the mean over queries with its interval over classes, or one value.

    Metrics of the whole set (clustering, geometry) have no values to resample.
    """
    intervals = report.intervals(resamples=_RESAMPLES)
    queries = report.counts["queries"]
    whole = queries + report.counts["queries_without_positives"]
    return [
        result_row(name, value, queries if name in intervals else whole, intervals.get(name))
        for name, value in report.metrics.items()
    ]
