"""Lists of first neighbours that may miss some, and the metrics they are enough for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.short_repr import html_fields, short_fields
from oodml.evaluation.metrics import Metric, describe_metrics, get_metric
from oodml.evaluation.ranks.table import PositiveRanks

# A rank for positives that are not in a list: beyond whatever depth a metric looks to.
_BEYOND = 1 << 40


@dataclass(frozen=True, repr=False)
class NeighbourLists:
    """The first neighbours of each query as an index found them: **not** the exact ranking.

    Listed items stand in the right order among themselves (float64, one tie rule), but items may
    be missing. So an item's place in the list is at most its exact rank: a missing negative makes
    scores too high, a missing positive too low, and no score of a list is a bound on the exact one.
    ``list_recall`` says how much is missing.

    Attributes:
        query_ids: [Q] labelled queries in the order given.
        labels: int64 [Q], index into ``class_names``.
        class_names: classes by code.
        positives: int64 [Q], items of the query's class in the whole gallery, itself excluded.
        gallery_sizes: int64 [Q], items of the gallery, the query itself excluded.
        neighbours: int64 [Q, k], gallery rows, most similar first, never the query itself; -1 where
            the index found fewer than k.
        hits: bool [Q, k], whether the neighbour is of the query's class.
        similarity: "cosine", "dot" or "euclidean".
        index: the faiss factory string used.
        probes: lists of an inverted file looked into.
        list_recall: share of the true first k neighbours that the lists hold, measured exactly on
            ``checked_queries`` of the queries; NaN if none was checked.
        checked_queries: how many queries that share is measured on.
        unlabelled_queries: rows given as queries but left out for want of a label.
    """

    query_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    positives: NDArray[np.int64]
    gallery_sizes: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    hits: NDArray[np.bool_]
    similarity: str
    index: str
    probes: int
    list_recall: float
    checked_queries: int
    unlabelled_queries: int = 0

    @property
    def k(self) -> int:
        """Length of the lists."""
        return self.neighbours.shape[1]

    def __len__(self) -> int:
        return len(self.query_ids)

    __repr__ = short_fields
    _repr_html_ = html_fields


def recall_from_neighbours(lists: NeighbourLists, k: int) -> float:
    """Mean Recall@k (CMC@k) of the lists, over queries with a positive; approximate as they are."""
    return metrics_from_neighbours(lists, [f"recall_at_{k}"])[f"recall_at_{k}"]


def metrics_from_neighbours(lists: NeighbourLists, metrics: Sequence[str]) -> dict[str, float]:
    """Means over queries with a positive, by the definitions of the exact evaluation.

    Only metrics that look no further than the lists reach, by the depth that each declares:
    ``recall_at_k``, ``cmc_at_k``, ``precision_at_k`` and ``map_at_k`` up to the lists' k;
    ``r_precision``, ``map_at_r`` and ``map_c_oodml`` if no query has more positives (for
    ``map_c_oodml``: one more) than that; ``map_at_1000_oodml`` from 1000.
    The values are approximations wherever ``lists.list_recall`` is below 1.

    Raises:
        UsageError: a metric that needs more of the ranking than the lists hold, naming the k that
            would do; or no query has a positive.
    """
    scored = lists.positives > 0
    if not scored.any():
        raise UsageError("no query has a positive in the gallery; nothing can be scored")
    chosen = {name: get_metric(name) for name in metrics}
    for metric in chosen.values():
        _check_depth(metric, _depth_in(lists, metric), lists.k)
    ranks = _listed_ranks(lists, scored)
    return {name: float(np.mean(metric(ranks))) for name, metric in chosen.items()}


def check_listed_metrics(metrics: Sequence[str], k: int) -> None:
    """UsageError for a metric that lists of k neighbours can never give, whatever the data."""
    for name in metrics:
        metric = get_metric(name)
        _check_depth(metric, metric.depth(positives=0, gallery=0), k)


def metrics_within(lists: NeighbourLists, metrics: Sequence[str]) -> list[str]:
    """Those of ``metrics`` that `metrics_from_neighbours` gives for these lists."""
    return [name for name in metrics if _depth_in(lists, get_metric(name)) <= lists.k]


def _depth_in(lists: NeighbourLists, metric: Metric) -> float:
    most = int(lists.positives.max(initial=0))
    return metric.depth(most, int(lists.gallery_sizes.max(initial=0)))


def _check_depth(metric: Metric, needed: float, k: int) -> None:
    if needed == float("inf"):
        known = ", ".join(one.name for one in describe_metrics() if one.depth is not None)
        raise UsageError(
            f"metric {metric.name!r} needs the whole ranking (or the embeddings), which lists of "
            f"{k} neighbours are not; evaluate exactly (oodml.evaluate, or oodml eval without "
            f"--approximate), or use one of {known}"
        )
    if needed > k:
        raise UsageError(
            f"metric {metric.name!r} looks at the first {needed} neighbours, the lists hold "
            f"{k}; search with k={needed}"
        )


def _listed_ranks(lists: NeighbourLists, scored: NDArray[np.bool_]) -> PositiveRanks:
    """Places in the lists as if they were ranks; positives that are not listed far beyond.

    Kept inside this module, because such a table must not be taken for an exact one.
    """
    hits, positives = lists.hits[scored], lists.positives[scored]
    found = hits.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(positives)]).astype(np.int64)
    query, place = np.nonzero(hits)
    order = np.arange(len(query)) - np.repeat(np.cumsum(found) - found, found)
    ranks = _BEYOND + np.arange(offsets[-1], dtype=np.int64)
    ranks[offsets[:-1][query] + order] = place + 1
    nothing = np.zeros(len(ranks), np.int64)
    return PositiveRanks(
        query_ids=tuple(np.array(lists.query_ids, dtype=object)[scored]),
        labels=lists.labels[scored],
        class_names=lists.class_names,
        gallery_sizes=lists.gallery_sizes[scored],
        offsets=offsets,
        ranks=ranks,
        tied_before=nothing,
        tied_after=nothing,
        similarity=lists.similarity,
    )
