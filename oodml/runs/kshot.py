"""k-shot accuracy of a cell on the ladder's episodes, with the method's own adaptation if any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from oodml.core.hashing import derived_seed
from oodml.evaluation import episode_accuracy, t_interval
from oodml.methods import Adaptation, Method
from oodml.methods.term import classifier_of
from oodml.runs.cells import Cell
from oodml.runs.rows import result_row
from oodml.runs.workbench import Workbench
from oodml.training import Embedder, TrainingSettings, adapt, embed


@dataclass(frozen=True)
class _Episode:
    """Places (into the level's test images) of support and query, and the support's classes."""

    support: NDArray[np.int64]
    support_labels: NDArray[np.int64]
    query: NDArray[np.int64]
    query_labels: NDArray[np.int64]


def kshot_rows(
    cell: Cell,
    bench: Workbench,
    method: Method,
    embedder: Embedder | None,
    embeddings: NDArray[np.float32],
    test: NDArray[np.int64],
    test_labels: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """A result row for each k: mean accuracy over episodes with its t-interval.

    Methods without an adaptation are scored by cosine 1-NN to the support; an adapting method's
    embedder is adapted to each episode's support first.

    Args:
        embeddings: float32 [n, d] of the level's test images by the unadapted embedder.
        test, test_labels: rows of those images in the data set, and their classes.
    """
    rows = []
    adaptation = method.adaptation()
    for shots in cell.evaluation["shots"]:
        episodes = _episodes(bench, cell, shots, test, test_labels)
        if not episodes:
            continue  # no class has more than k images; the ladder's file says so
        if adaptation is None or embedder is None or shots < adaptation.minimum_shots:
            accuracies = episode_accuracy(
                embeddings,
                test_labels,
                [episode.support for episode in episodes],
                query=[episode.query for episode in episodes],
            )
        else:
            accuracies = np.array(
                [
                    _adapted_accuracy(cell, bench, method, adaptation, embedder, test, e, shots, i)
                    for i, e in enumerate(episodes)
                ]
            )
        estimate = t_interval(accuracies, over="episodes")
        rows.append(result_row(f"accuracy_{shots}_shot", estimate.value, estimate.n, estimate))
    return rows


def _episodes(
    bench: Workbench,
    cell: Cell,
    shots: int,
    test: NDArray[np.int64],
    test_labels: NDArray[np.int64],
) -> list[_Episode]:
    place_of = {bench.table.image_ids[row]: place for place, row in enumerate(test)}
    found = []
    for drawn in bench.ladder.episodes(cell.level, shots)[: cell.evaluation["episodes"]]:
        classes = sorted(drawn)
        if len(classes) < 2:
            continue
        support = np.array([place_of[i] for c in classes for i in drawn[c]], dtype=np.int64)
        labels = np.repeat(np.arange(len(classes)), [len(drawn[c]) for c in classes])
        code_of = np.full(int(test_labels.max()) + 1, -1, dtype=np.int64)
        code_of[test_labels[support]] = labels
        query_mask = code_of[test_labels] >= 0
        query_mask[support] = False
        query = np.flatnonzero(query_mask)
        found.append(_Episode(support, labels, query, code_of[test_labels[query]]))
    return found


def _adapted_accuracy(
    cell: Cell,
    bench: Workbench,
    method: Method,
    adaptation: Adaptation,
    embedder: Embedder,
    test: NDArray[np.int64],
    episode: _Episode,
    shots: int,
    number: int,
) -> float:
    settings = TrainingSettings(**cell.training)
    source, fabric = bench.source(settings), bench.fabric(settings)
    adapted, terms = adapt(
        embedder,
        method,
        source,
        test[episode.support],
        episode.support_labels,
        settings,
        fabric,
        seed=derived_seed("adaptation", cell.ladder_sha256, cell.level, cell.seed, shots, number),
    )
    queries = embed(adapted, source, test[episode.query], fabric)
    if adaptation.predictor == "classifier":
        with torch.inference_mode():
            predicted = classifier_of(terms.values()).predict(
                fabric.to_device(torch.from_numpy(queries))
            )
        return float((predicted.cpu().numpy() == episode.query_labels).mean())
    supports = embed(adapted, source, test[episode.support], fabric)
    labels = np.concatenate([episode.support_labels, episode.query_labels])
    accuracy = episode_accuracy(
        np.concatenate([supports, queries]),
        labels,
        [np.arange(len(supports))],
        classifier=adaptation.predictor,
    )
    return float(accuracy[0])
