"""Exact positive ranks by counting, within a stated memory budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.evaluation.inputs.frame import Similarity, check_similarity
from oodml.evaluation.inputs.pairing import Pairing
from oodml.evaluation.inputs.prepare import prepare
from oodml.evaluation.inputs.search_input import SearchInput, check_gallery_arguments, read_input
from oodml.evaluation.ranks.close_calls import Tally
from oodml.evaluation.ranks.engines.choose import count_negatives
from oodml.evaluation.ranks.table import PositiveRanks
from oodml.evaluation.ranks.thresholds import Thresholds, positive_thresholds

DEFAULT_MEMORY_MIB = 256


def positive_ranks(
    embeddings: Any,
    labels: Sequence[Any] | NDArray[Any],
    *,
    gallery_embeddings: Any = None,
    gallery_labels: Sequence[Any] | NDArray[Any] | None = None,
    ids: Sequence[str] | None = None,
    gallery_ids: Sequence[str] | None = None,
    similarity: str = "cosine",
    memory_mib: int = DEFAULT_MEMORY_MIB,
    device: str | None = None,
) -> PositiveRanks:
    """For every query the exact rank of each gallery item of its class.

    Without a gallery every labelled row is a query against all other rows (leave-one-out). No
    top-k is taken and no N x N matrix is held: similarities are made tile by tile and counted.

    *Identity.* A query never ranks itself. Leave-one-out: its own row; with a gallery: the item
    with the query's id (if ids are given for both). Other copies of the same picture are ranked.

    *Ties.* One rule, see `oodml.evaluation.ranks.close_calls`: similarities that differ by less than
    2**-40 of the lengths involved are tied, and tied items stand in gallery order. The result does
    not depend on the memory budget, the device or the number of threads.

    *Precision.* Rows are rounded to float32 once (cosine: after dividing by their length in
    float64), and ranked as if in exact arithmetic from there on, up to the tie tolerance.

    *Special rows.* A zero vector has cosine 0 with everything. NaN and infinities are refused.
    A query alone in its class keeps an empty list of ranks. Rows labelled None, NaN or "" are
    distractors: in the gallery, never queries, nobody's positive.

    Args:
        embeddings: [N, D], NumPy or torch (half and bfloat16 too, any device).
        labels: [N], integers or strings.
        gallery_embeddings: [G, D], with ``gallery_labels`` [G]; classes without a query are
            distractors.
        ids, gallery_ids: unique ids, by default the row numbers.
        similarity: "cosine", "dot" or "euclidean" (nearest first).
        memory_mib: bound on the working memory in MiB, besides the inputs, one float32 copy of
            them, and the result (about 140 bytes a positive pair while computing).
        device: where the products run, for instance "cuda"; default: where ``embeddings`` are.

    Raises:
        DataError: shapes or lengths that do not fit, NaN (naming the row), repeated ids.
        UsageError: an unknown similarity, half a gallery, a memory budget below 1 MiB.
    """
    kind = check_ranking(similarity, memory_mib)
    check_gallery_arguments(gallery_embeddings, gallery_labels, gallery_ids)
    given = read_input(embeddings, labels, ids, gallery_embeddings, gallery_labels, gallery_ids)
    return rank_input(given, kind, memory_mib, device or device_of(embeddings))


def check_ranking(similarity: str, memory_mib: int) -> Similarity:
    """The similarity, or UsageError for an unknown one and for a budget below 1 MiB."""
    kind = check_similarity(similarity)
    if memory_mib < 1:
        raise UsageError(f"memory_mib={memory_mib}: give at least 1")
    return kind


def device_of(embeddings: Any) -> str:
    """Where embeddings are, for instance "cuda:0"."""
    return str(getattr(embeddings, "device", "cpu"))


def rank_input(
    given: SearchInput, similarity: Similarity, memory_mib: int, device: str
) -> PositiveRanks:
    """`positive_ranks` of what has been read and checked already."""
    thresholds, tally = _count(given, similarity, memory_mib << 20, device)
    return assemble(given.pairing, thresholds, tally, given.query_ids, similarity)


def _count(
    given: SearchInput, similarity: Similarity, budget: int, device: str
) -> tuple[Thresholds, Tally]:
    """By itself, so that the prepared rows are gone when the result is assembled."""
    pairing, frame = given.pairing, given.frame(similarity)
    gallery = prepare(given.gallery, pairing.gallery_rows, frame)
    same = pairing.leave_one_out and pairing.unlabelled_queries == 0
    queries = gallery if same else prepare(given.queries, pairing.query_rows, frame)
    thresholds = positive_thresholds(queries, gallery, pairing, budget)
    return thresholds, count_negatives(queries, gallery, pairing, thresholds, budget, device)


def assemble(
    pairing: Pairing,
    thresholds: Thresholds,
    tally: Tally,
    query_ids: tuple[str, ...],
    similarity: str,
) -> PositiveRanks:
    """Counts in sorted query order -> ranks in the order the queries were given."""
    counts = pairing.positives()
    before = tally.above + tally.tied_before
    given = np.argsort(pairing.query_rows, kind="stable")
    ends = np.cumsum(counts[given])
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    # Most similar first: from a query's last threshold down to its first.
    place = np.arange(len(before)) - np.repeat(offsets[:-1], counts[given])
    source = np.repeat(thresholds.offsets[1:][given] - 1, counts[given]) - place
    if _ties_want_another_order(before, tally.above, thresholds.offsets):
        # Equal `before` says that no negative stands between two positives, not that they tie; then
        # the one with fewer negatives strictly above, or the higher threshold, comes first.
        source = source[
            np.lexsort(
                (
                    place,
                    tally.above[source],
                    before[source],
                    np.repeat(np.arange(len(given)), counts[given]),
                )
            )
        ]
    return PositiveRanks(
        query_ids=tuple(query_ids[row] for row in pairing.query_rows[given]),
        labels=pairing.query_class[given],
        class_names=pairing.class_names,
        gallery_sizes=pairing.gallery_sizes()[given],
        offsets=offsets,
        ranks=before[source] + place + 1,
        tied_before=tally.tied_before[source],
        tied_after=tally.tied_after[source],
        similarity=similarity,
        unlabelled_queries=pairing.unlabelled_queries,
    )


def _ties_want_another_order(
    before: NDArray[np.int64], above: NDArray[np.int64], offsets: NDArray[np.int64]
) -> bool:
    """Whether, by ascending threshold, the negatives before some query's positives increase."""
    wrong = before[1:] > before[:-1]
    wrong |= (before[1:] == before[:-1]) & (above[1:] > above[:-1])
    borders = offsets[(offsets > 0) & (offsets < len(before))]
    wrong[borders - 1] = False  # from one query to the next
    return bool(wrong.any())
