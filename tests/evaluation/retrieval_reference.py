"""Loop-and-sort references in plain Python and float64, written from the definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def similarities(queries, gallery, kind: str) -> list[list[float]]:
    """Exactly rounded similarities of the float32 rows (cosine: of the float32 unit rows)."""
    if kind == "cosine":
        queries, gallery = unit(queries), unit(gallery)
    table = []
    for q in queries:
        row = []
        for g in gallery:
            if kind == "euclidean":
                row.append(
                    -math.fsum((float(a) - float(b)) ** 2 for a, b in zip(q, g, strict=True))
                )
            else:
                row.append(math.fsum(float(a) * float(b) for a, b in zip(q, g, strict=True)))
        table.append(row)
    return table


def unit(rows):
    out = np.zeros(np.shape(rows), np.float32)
    for i, row in enumerate(rows):
        length = math.sqrt(math.fsum(float(v) ** 2 for v in row))
        out[i] = [float(v) / length if length else 0.0 for v in row]
    return out


def ranked_lists(
    queries,
    labels: Sequence,
    gallery=None,
    gallery_labels=None,
    kind="cosine",
    self_of=None,
    tie=1e-12,
) -> list[list[int]]:
    """For each query 1/0 per gallery place (1: positive), nearest first, itself left out.

    Similarities within ``tie`` of each other stand in gallery order (as a stable sort leaves them).
    ``self_of[i]`` is query i's own place in the gallery or None; default leave-one-out.
    """
    if gallery is None:
        gallery, gallery_labels, self_of = queries, labels, list(range(len(labels)))
    table = similarities(queries, gallery, kind)
    lists = []
    for i, row in enumerate(table):
        own = self_of[i] if self_of is not None else None
        items = [j for j in range(len(row)) if j != own]
        items.sort(key=lambda j: -round(row[j] / tie))
        lists.append([int(gallery_labels[j] == labels[i]) for j in items])
    return lists


def ranks_of(relevance: list[int]) -> list[int]:
    return [place + 1 for place, hit in enumerate(relevance) if hit]


def average_precision(relevance: list[int], depth: int, divisor: float) -> float:
    total = 0.0
    for place in range(min(depth, len(relevance))):
        if relevance[place]:
            total += sum(relevance[: place + 1]) / (place + 1)
    return total / divisor


def metric(name: str, relevance: list[int]) -> float:
    """The metric of one query from its whole sorted list of 1 and 0."""
    positives = sum(relevance)
    if name == "map_at_r":
        return average_precision(relevance, positives, positives)
    if name == "r_precision":
        return sum(relevance[:positives]) / positives
    if name == "map":
        return average_precision(relevance, len(relevance), positives)
    if name == "map_at_1000_oodml":
        return average_precision(relevance, 1000, positives + 1)
    if name == "map_c_oodml":
        return average_precision(relevance, positives + 1, positives + 1)
    if name == "mrr":
        return 1 / (relevance.index(1) + 1)
    family, k = name.rsplit("_", 1)
    depth = int(k)
    if family in ("recall_at", "cmc_at"):
        return float(any(relevance[:depth]))
    if family == "precision_at":
        return sum(relevance[:depth]) / depth
    if family == "map_at":
        return average_precision(relevance, depth, min(positives, depth))
    raise ValueError(name)
