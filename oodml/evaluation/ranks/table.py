"""The table everything is derived from: the exact ranks of each query's positives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.short_repr import html_fields, short_fields

TieOrder = Literal["gallery", "optimistic", "pessimistic"]


@dataclass(frozen=True, repr=False)
class PositiveRanks:
    """For each query the 1-based ranks, ascending, of its positives in the gallery.

    The query itself takes no rank. Queries without a positive (singleton classes) stay in the table
    with an empty list: metrics leave them out and reports count them.

    Attributes:
        query_ids: [Q] in the order the queries were given.
        labels: int64 [Q], index into ``class_names``.
        class_names: classes by code.
        gallery_sizes: int64 [Q], items ranked for the query, itself excluded.
        offsets: int64 [Q + 1]; query i's positives are ``[offsets[i], offsets[i + 1])``.
        ranks: int64 [P], strictly ascending within a query; ties in gallery order.
        tied_before, tied_after: int64 [P], negatives tied with the positive that stand earlier /
            later in the gallery (see `oodml.evaluation.ranks.close_calls` for what a tie is).
        similarity: "cosine", "dot" or "euclidean".
        unlabelled_queries: rows given as queries but left out for want of a label.
    """

    query_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    gallery_sizes: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ranks: NDArray[np.int64]
    tied_before: NDArray[np.int64]
    tied_after: NDArray[np.int64]
    similarity: str
    unlabelled_queries: int = 0

    def __len__(self) -> int:
        return len(self.query_ids)

    @property
    def positives(self) -> NDArray[np.int64]:
        """Number of positives of each query: int64 [Q]."""
        return np.diff(self.offsets)

    @property
    def query_of_rank(self) -> NDArray[np.int64]:
        """The query each entry of ``ranks`` belongs to: int64 [P]."""
        return np.repeat(np.arange(len(self)), self.positives)

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """1 for a query's first positive, 2 for its second, ...: int64 [P]."""
        return np.arange(len(self.ranks)) - np.repeat(self.offsets[:-1], self.positives) + 1

    def of(self, query: int) -> NDArray[np.int64]:
        """The ranks of one query's positives."""
        return self.ranks[self.offsets[query] : self.offsets[query + 1]]

    def sum_by_query(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up one value a positive into one a query: float64 [P] -> float64 [Q]."""
        sums = np.zeros(len(self))
        some = self.positives > 0
        if some.any():
            sums[some] = np.add.reduceat(values, self.offsets[:-1][some], dtype=np.float64)
        return sums

    def scored(self) -> PositiveRanks:
        """Only the queries that have a positive."""
        keep = self.positives > 0
        if keep.all():
            return self
        return replace(
            self,
            query_ids=tuple(np.array(self.query_ids, dtype=object)[keep]),
            labels=self.labels[keep],
            gallery_sizes=self.gallery_sizes[keep],
            offsets=np.concatenate([[0], np.cumsum(self.positives[keep])]).astype(np.int64),
        )

    def with_ties(self, order: TieOrder) -> PositiveRanks:
        """The same table with ties ordered otherwise.

        "optimistic" puts positives before the negatives they are tied with, "pessimistic" after
        them, "gallery" leaves the rule as it is.
        """
        if order == "gallery":
            return self
        if order == "optimistic":
            return replace(self, ranks=self.ranks - self.tied_before)
        if order == "pessimistic":
            return replace(self, ranks=self.ranks + self.tied_after)
        raise UsageError(f"tie order {order!r}: expected gallery, optimistic or pessimistic")

    def expected_ranks(self) -> NDArray[np.float64]:
        """Mean rank of each positive when ties are broken at random: float64 [P].

        k positives and n negatives tied at ranks s+1 .. s+k+n: the i-th positive's mean rank is
        s + i (k + n + 1) / (k + 1).
        """
        start, place, size, negatives = self._tie_groups()
        return start + place * (size + negatives + 1) / (size + 1)

    def with_random_ties(self, seed: int) -> PositiveRanks:
        """One random tie order; the mean of a metric over many seeds is its expected value."""
        start, place, size, negatives = self._tie_groups()
        if not negatives.any():
            return self
        random = np.random.default_rng(seed)
        ranks = self.ranks.copy()
        for first in np.flatnonzero((place == 1) & (negatives > 0)):
            k, n = int(size[first]), int(negatives[first])
            chosen = np.sort(random.choice(k + n, k, replace=False))
            ranks[first : first + k] = int(start[first]) + 1 + chosen
        return replace(self, ranks=ranks)

    def _tie_groups(self) -> tuple[NDArray[np.int64], ...]:
        """For each positive: ranks before its tie group, place in it, its positives, negatives."""
        best = self.ranks - self.tied_before
        negatives = self.tied_before + self.tied_after
        joins = np.zeros(len(best), bool)
        if len(best) > 1:
            # Two positives are tied if no negative separates them although negatives tie with both.
            joins[1:] = (
                (np.diff(best) == 1)
                & (negatives[1:] > 0)
                & (negatives[1:] == negatives[:-1])
                & (np.diff(self.query_of_rank) == 0)
            )
        group = np.cumsum(~joins) - 1
        first = np.flatnonzero(~joins)
        size = np.bincount(group, minlength=len(first))[group] if len(best) else negatives
        place = np.arange(len(best)) - first[group] + 1 if len(best) else negatives
        return best - place, place, size, negatives

    __repr__ = short_fields
    _repr_html_ = html_fields
