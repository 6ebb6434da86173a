"""Approximate neighbour lists by faiss, for sets too large for exact ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.evaluation.inputs.frame import Frame, check_similarity
from oodml.evaluation.inputs.pairing import Pairing
from oodml.evaluation.inputs.prepare import PreparedRows, prepare
from oodml.evaluation.inputs.search_input import check_gallery_arguments, read_input
from oodml.evaluation.ranks.close_calls import TIE_TOLERANCE
from oodml.evaluation.search.faiss_index import (
    create_index,
    import_faiss,
    index_description,
    training_rows,
)
from oodml.evaluation.search.neighbour_lists import NeighbourLists

_PIECE_BYTES = 64 << 20


def approximate_neighbours(
    embeddings: Any,
    labels: Sequence[Any] | NDArray[Any],
    k: int = 100,
    *,
    gallery_embeddings: Any = None,
    gallery_labels: Sequence[Any] | NDArray[Any] | None = None,
    ids: Sequence[str] | None = None,
    gallery_ids: Sequence[str] | None = None,
    similarity: str = "cosine",
    index: str = "auto",
    probes: int = 16,
    spare: int = 32,
    checked_queries: int = 100,
    device: str = "cpu",
) -> NeighbourLists:
    """The first k neighbours of every labelled query, found by faiss: **approximate**.

    What is approximate: *which* items are listed. An inverted file looks into ``probes`` of its
    lists only; compressed indexes (PQ and the like) also choose by rounded similarities. Positives
    beyond a list are unknown, so exact ranks cannot be had from it. `positive_ranks` and
    `sharded_positive_ranks` are exact.

    What is not: who is whom and the order. A query is left out of its own list by identity,
    wherever it stands (its own row, or with a gallery the item of its id), and copies of it stay.
    All items found are scored again in float64 from the same prepared rows as exact ranks, and
    ties stand in gallery order. With ``index="Flat"`` every item is looked at, and a list equals
    the exact ranking unless more than ``spare`` items are equal up to float32 at its end.

    Memory: the index (Flat and IVF-Flat: float32 gallery), pieces of 64 MiB, and the lists. A
    memory-mapped gallery is read piece by piece.

    Args:
        embeddings: [N, D]; queries, and the gallery too if none is given.
        k: length of the lists; -1 stands where fewer were found.
        gallery_embeddings, gallery_labels, ids, gallery_ids, similarity: as for `positive_ranks`.
        index: "auto", or a faiss factory string such as "Flat", "IVF4096,Flat", "HNSW32".
        probes: lists of an inverted file looked into; more is slower and misses less.
        spare: items asked of faiss beyond k, against near-ties that float32 may have swapped.
        checked_queries: queries, drawn with a fixed seed, whose true neighbours are computed
            along the way to measure ``list_recall``; 0 for none.
        device: "cpu" or "cuda:0" and so on, for the index.

    Raises:
        UsageError: faiss is missing or cannot make the index, half a gallery, a number below 1.
        DataError: shapes or lengths that do not fit, NaN (naming the row), repeated ids.
    """
    kind = check_similarity(similarity)
    check_gallery_arguments(gallery_embeddings, gallery_labels, gallery_ids)
    for name, value, least in (
        ("k", k, 1), ("probes", probes, 1), ("spare", spare, 0),
        ("checked_queries", checked_queries, 0),
    ):  # fmt: skip
        if value < least:
            raise UsageError(f"{name}={value}: give at least {least}")
    import_faiss()
    everything = read_input(
        embeddings, labels, ids, gallery_embeddings, gallery_labels, gallery_ids
    )
    pairing, gallery = everything.pairing, everything.gallery
    given = np.argsort(pairing.query_rows, kind="stable")
    if not len(given) or not len(gallery):
        raise UsageError("approximate_neighbours: no labelled query, or an empty gallery")
    own, frame = _own_rows(pairing)[given], everything.frame(kind)
    search = _Search(everything.queries, gallery, pairing.query_rows[given], own, frame, k)
    description = index_description(index, len(gallery))
    checked = _checked(len(given), checked_queries)
    built, best = _build(search, description, probes, device, checked)
    rows, scores = _find(search, built, spare)
    return NeighbourLists(
        query_ids=tuple(everything.query_ids[row] for row in search.query_rows),
        labels=pairing.query_class[given],
        class_names=pairing.class_names,
        positives=pairing.positives()[given],
        gallery_sizes=pairing.gallery_sizes()[given],
        neighbours=rows,
        hits=_hits(pairing, given, rows),
        similarity=kind,
        index=description,
        probes=probes,
        list_recall=_list_recall(scores[checked], best),
        checked_queries=len(checked),
        unlabelled_queries=pairing.unlabelled_queries,
    )


@dataclass(frozen=True)
class _Search:
    """What is searched: labelled queries in the order given, the gallery in its own.

    Attributes:
        own_rows: int64 [Q], each query's own gallery row or -1.
        frame: in which rows are compared.
    """

    matrix: NDArray[Any]
    gallery: NDArray[Any]
    query_rows: NDArray[np.int64]
    own_rows: NDArray[np.int64]
    frame: Frame
    k: int

    def queries(self, at: Any) -> PreparedRows:
        return prepare(self.matrix, self.query_rows[at], self.frame)

    def items(self, rows: NDArray[np.int64]) -> PreparedRows:
        return prepare(self.gallery, rows, self.frame)


def _build(
    search: _Search, description: str, probes: int, device: str, checked: NDArray[np.int64]
) -> tuple[Any, NDArray[np.float64]]:
    """A filled index, and the best k similarities [C, k] of the checked queries, descending."""
    size, dim = search.gallery.shape
    built = create_index(description, dim, search.frame.similarity, probes, device)
    if not built.is_trained:
        try:
            built.train(search.items(training_rows(description, size)).rows)
        except RuntimeError as error:
            raise UsageError(
                f"index {description!r}: faiss cannot train it on {size} items "
                f"({str(error).splitlines()[-1]}); use fewer lists, or Flat"
            ) from None
    asked = search.queries(checked).rows.astype(np.float64)
    own = search.own_rows[checked]
    best = np.full((len(checked), search.k), -np.inf)
    for at in _pieces(size, 16 * dim + 40 * len(checked)):
        piece = search.items(np.arange(at.start, at.stop))
        built.add(piece.rows)
        if len(checked):
            scores = asked @ piece.rows.T.astype(np.float64) - piece.half_squares
            here = np.flatnonzero((own >= at.start) & (own < at.stop))
            scores[here, own[here] - at.start] = -np.inf
            best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, : search.k]
    return built, best


def _find(search: _Search, built: Any, spare: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Gallery rows [Q, k] and their float64 similarities; -1 and -inf at the end where too few."""
    count, dim = len(search.query_rows), search.gallery.shape[1]
    # One more for the query itself, which may stand anywhere among its copies.
    asked = min(search.k + 1 + spare, len(search.gallery))
    rows = np.full((count, search.k), -1, np.int64)
    scores = np.full((count, search.k), -np.inf)
    for at in _pieces(count, 16 * dim * asked + 64 * asked):
        queries = search.queries(at)
        try:
            found = np.array(built.search(queries.rows, asked)[1], np.int64)
        except RuntimeError as error:
            raise UsageError(
                f"faiss cannot search for {asked} neighbours, which is k + 1 + spare "
                f"({str(error).splitlines()[-1]}); on a GPU it finds at most 2048"
            ) from None
        found[found == search.own_rows[at, None]] = -1
        ordered, values = _in_order(search, queries, found)
        width = min(search.k, asked)
        rows[at, :width], scores[at, :width] = ordered[:, :width], values[:, :width]
    return rows, scores


def _in_order(
    search: _Search, queries: PreparedRows, found: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Found rows by float64 similarity, ties in gallery order, -1 last: both [B, asked]."""
    wanted, where = np.unique(found, return_inverse=True)
    items = search.items(np.maximum(wanted, 0))
    where = where.reshape(found.shape)
    scores = np.einsum(
        "qd,qcd->qc", queries.rows.astype(np.float64), items.rows[where].astype(np.float64)
    )
    scores -= items.half_squares[where]
    scores[found < 0] = -np.inf
    longest = items.lengths.max(initial=0.0)
    extra = longest**2 / 2 if search.frame.similarity == "euclidean" else 0.0
    tolerance = TIE_TOLERANCE * (queries.lengths * longest + extra)
    order = np.argsort(-scores, axis=1, kind="stable")
    descending = np.take_along_axis(scores, order, axis=1)
    with np.errstate(invalid="ignore"):  # -inf less -inf, among the missing
        apart = -np.diff(descending, axis=1) > tolerance[:, None]
    group = np.zeros(found.shape, np.int64)
    group[:, 1:] = np.cumsum(apart, axis=1)
    rows = np.take_along_axis(found, order, axis=1)
    # The missing come last, so the group of the last item found must not run into theirs.
    final = np.lexsort((rows, group, rows < 0), axis=1)
    return (
        np.take_along_axis(rows, final, axis=1),
        np.take_along_axis(descending, final, axis=1),
    )


def _hits(pairing: Pairing, given: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    column_of_row = np.empty(len(pairing.gallery_rows), np.int64)
    column_of_row[pairing.gallery_rows] = np.arange(len(pairing.gallery_rows))
    columns = column_of_row[rows]  # -1 reads the last item; masked below
    first, last = pairing.first[given, None], pairing.last[given, None]
    return (rows >= 0) & (columns >= first) & (columns < last)


def _own_rows(pairing: Pairing) -> NDArray[np.int64]:
    own = pairing.self_column
    return np.where(own >= 0, pairing.gallery_rows[own], -1)


def _list_recall(scores: NDArray[np.float64], best: NDArray[np.float64]) -> float:
    """Share of the true first k that are listed; equal similarity counts as the same item."""
    real = np.isfinite(best)
    if not real.any():
        return float("nan")
    last = np.where(real, best, np.inf).min(axis=1, initial=np.inf)
    good = scores >= (last - TIE_TOLERANCE)[:, None]  # prepared rows are no longer than 1
    return float(np.minimum(good.sum(axis=1), real.sum(axis=1)).sum() / real.sum())


def _checked(count: int, wanted: int) -> NDArray[np.int64]:
    random = np.random.default_rng(0)
    return np.sort(random.choice(count, min(count, wanted), replace=False))


def _pieces(rows: int, row_bytes: int) -> Iterator[slice]:
    step = max(1, _PIECE_BYTES // row_bytes)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))
