"""``evaluate``: embeddings in, report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, OodmlError, UsageError
from oodml.core.short_repr import html_table
from oodml.evaluation.inputs.search_input import check_gallery_arguments, read_input
from oodml.evaluation.metrics import Metric, get_metric
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.ranks.positive_ranks import (
    DEFAULT_MEMORY_MIB,
    check_ranking,
    device_of,
    rank_input,
)
from oodml.evaluation.ranks.table import PositiveRanks
from oodml.evaluation.uncertainty.bootstrap import IntervalMethod, bootstrap_intervals
from oodml.evaluation.uncertainty.class_sums import Average, ClassSums, class_sums
from oodml.evaluation.uncertainty.estimates import Estimate

DEFAULT_METRICS = (
    "recall_at_1",
    "recall_at_2",
    "recall_at_4",
    "recall_at_8",
    "map_at_r",
    "r_precision",
    "map_at_1000_oodml",
)


_SHOWN = 8
_QUICK = 1_000


@dataclass(frozen=True, repr=False)
class Report:
    """Scores of one set of embeddings.

    Attributes:
        metrics: name -> mean over scored queries (micro average); for metrics on embeddings, such
            as "nmi", the value.
        macro: name -> mean over classes of the class means, for retrieval metrics.
        counts: queries (scored), queries_without_positives, unlabelled_queries, classes, gallery,
            positive_pairs, tied_positives (positives with a negative exactly as similar).
        ranks: the table all of it was derived from.
        failed: name -> reason, of metrics that could not be had (`evaluate` with ``keep_going``).
    """

    metrics: dict[str, float]
    macro: dict[str, float]
    counts: dict[str, int]
    ranks: PositiveRanks
    _values: dict[str, NDArray[np.float64]] = field(repr=False)
    failed: dict[str, str] = field(default_factory=dict)

    def per_query(self, name: str) -> NDArray[np.float64]:
        """The metric of every query in the order of ``ranks.query_ids``: float64 [Q].

        NaN where the query has no positive.

        >>> report = evaluate([[1, 0], [2, 1], [0, 1], [5, 6]], [7, 7, 7, 8], ["map_at_r"])
        >>> report.per_query("map_at_r").tolist()
        [0.5, 0.25, 0.25, nan]
        """
        result = np.full(len(self.ranks), np.nan)
        result[self.ranks.positives > 0] = self._of(name)
        return result

    def per_class(self, name: str) -> dict[str, float]:
        """Mean of the metric over the scored queries of each class, by class name.

        >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.8], [0.6, 0.5]]
        >>> report = evaluate(rows, ["cat", "cat", "dog", "dog", "dog"], ["map_at_r"])
        >>> report.per_class("map_at_r")
        {'cat': 1.0, 'dog': 0.75}
        """
        labels = self.ranks.labels[self.ranks.positives > 0]
        means = class_means(self._of(name), labels, len(self.ranks.class_names))
        return {
            class_name: float(mean)
            for class_name, mean in zip(self.ranks.class_names, means, strict=True)
            if not np.isnan(mean)
        }

    def class_sums(self, name: str) -> ClassSums:
        """Sum and count of the metric's scored queries by class: one run.

        All that comparisons, intervals and AGS need (`oodml.evaluation.uncertainty`), at two
        numbers a class; seeds are put together by `stack_runs`.

        >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.8], [0.6, 0.5]]
        >>> report = evaluate(rows, ["cat", "cat", "dog", "dog", "dog"], ["map_at_r"])
        >>> found = report.class_sums("map_at_r")
        >>> found.names, found.sums.tolist(), found.counts.tolist()
        (('cat', 'dog'), [[2.0, 2.25]], [2.0, 3.0])
        """
        found = class_sums(self._of(name), self.ranks.labels[self.ranks.positives > 0])
        names = tuple(self.ranks.class_names[int(code)] for code in found.names)
        return replace(found, names=names)

    def per_group(self, name: str, groups: Mapping[str, str]) -> dict[str, float]:
        """Mean over the scored queries of each group of classes, for instance superclasses.

        Args:
            groups: class name -> group name, for every scored class.

        >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.8], [0.6, 0.5]]
        >>> report = evaluate(rows, ["cat", "cat", "dog", "dog", "dog"], ["recall_at_1"])
        >>> report.per_group("recall_at_1", {"cat": "pet", "dog": "pet"})
        {'pet': 0.8}
        """
        names, codes = self._groups_of_queries(groups)
        means = class_means(self._of(name), codes, len(names))
        return {
            group: float(mean)
            for group, mean in zip(names, means, strict=True)
            if not np.isnan(mean)
        }

    def queries_per_group(self, groups: Mapping[str, str]) -> dict[str, int]:
        """How many scored queries each group of `per_group` has."""
        names, codes = self._groups_of_queries(groups)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        return {group: count for group, count in zip(names, counts, strict=True) if count}

    def _groups_of_queries(self, groups: Mapping[str, str]) -> tuple[list[str], NDArray[np.int64]]:
        scored = self.ranks.scored()
        missing = sorted({scored.class_names[code] for code in scored.labels} - set(groups))
        if missing:
            raise UsageError(f"groups: no group for class {missing[0]!r} ({len(missing)} missing)")
        names = sorted(set(groups.values()))
        place = {group: index for index, group in enumerate(names)}
        of_class = [place[groups[one]] if one in groups else -1 for one in scored.class_names]
        return names, np.array(of_class, np.int64)[scored.labels]

    def intervals(
        self,
        *,
        average: Average = "micro",
        level: float = 0.95,
        method: IntervalMethod = "bca",
        resamples: int = 10_000,
        seed: int = 0,
    ) -> dict[str, Estimate]:
        """Class-clustered bootstrap interval of every metric; see `bootstrap_intervals`.

        >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.8], [0.6, 0.5]]
        >>> report = evaluate(rows, ["cat", "cat", "dog", "dog", "dog"], ["map_at_r"])
        >>> found = report.intervals(resamples=200)["map_at_r"]
        >>> found.low, found.high, found.estimator
        (0.75, 1.0, 'BCa bootstrap over 2 classes, 200 resamples')
        """
        return bootstrap_intervals(
            self._values,
            self.ranks.scored().labels,
            method=method,
            average=average,
            level=level,
            resamples=resamples,
            seed=seed,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "metrics": self.metrics,
            "macro": self.macro,
            "counts": self.counts,
            "similarity": self.ranks.similarity,
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {self._words(name)}" for name in list(self.metrics)[:_SHOWN])
        more = f", and {len(self.metrics) - _SHOWN} more" if len(self.metrics) > _SHOWN else ""
        failed = f"; failed: {', '.join(list(self.failed)[:_SHOWN])}" if self.failed else ""
        return f"Report({self._about}: {shown}{more}{failed})"

    def _repr_html_(self) -> str:
        rows = [[name, self._words(name), self.macro.get(name, "")] for name in self.metrics]
        rows += [[name, reason, ""] for name, reason in self.failed.items()]
        heads = ["metric", "mean per query [95 % interval over classes]", "mean per class"]
        return html_table(self._about, heads, rows)

    @property
    def _about(self) -> str:
        c = self.counts
        return (
            f"{c['queries']} queries of {c['classes']} classes, gallery {c['gallery']}, "
            f"{self.ranks.similarity}"
        )

    def _words(self, name: str) -> str:
        """The value with its interval, where it has one."""
        value, found = self.metrics[name], self._quick_intervals.get(name)
        if found is None or found.low != found.low:
            return f"{value:.4g}"
        return f"{value:.4g} [{found.low:.4g}, {found.high:.4g}]"

    @cached_property
    def _quick_intervals(self) -> dict[str, Estimate]:
        """Of fewer resamples than `intervals` has: to be looked at, not reported."""
        return self.intervals(resamples=_QUICK) if self._values else {}

    def _of(self, name: str) -> NDArray[np.float64]:
        if name not in self._values:
            known = ", ".join(self._values)
            raise UsageError(f"no values by query for metric {name!r} in this report ({known})")
        return self._values[name]


def evaluate(
    embeddings: Any,
    labels: Sequence[Any] | NDArray[Any],
    metrics: Sequence[str] | None = None,
    *,
    gallery_embeddings: Any = None,
    gallery_labels: Sequence[Any] | NDArray[Any] | None = None,
    ids: Sequence[str] | None = None,
    gallery_ids: Sequence[str] | None = None,
    similarity: str = "cosine",
    memory_mib: int = DEFAULT_MEMORY_MIB,
    device: str | None = None,
    seed: int = 0,
    train_classes: int | None = None,
    keep_going: bool = False,
) -> Report:
    """Score embeddings by exact retrieval and, if asked for, clustering and geometry.

    Args:
        metrics: names such as "recall_at_1", "map_at_r", "nmi"; see
            `oodml.evaluation.list_metrics`. Default: `DEFAULT_METRICS`.
        seed: fixes k-means, for clustering metrics.
        train_classes: number of training classes, for metrics that ask for it ("nmi_oodml").
        keep_going: metrics that cannot be had are noted in ``Report.failed``, not raised, unless
            none is left.

    The other arguments are those of `positive_ranks`, which also says how the query itself, ties,
    singletons, zero vectors and unlabelled rows are treated.

    Raises:
        UsageError: an unknown metric, or one on embeddings together with a gallery.
        DataError: as in `positive_ranks`, and when no query has a positive, or a metric is not
            defined for these embeddings.
        OodmlError: a metric's function fails or gives something else than finite numbers.

    >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.8], [0.6, 0.5]]
    >>> report = evaluate(rows, ["cat", "cat", "dog", "dog", "dog"], ["recall_at_1", "map_at_r"])
    >>> report.metrics
    {'recall_at_1': 0.8, 'map_at_r': 0.85}
    >>> report.counts["queries"], report.ranks.of(4).tolist()
    (5, [2, 4])
    """
    chosen = resolve_metrics(metrics)
    if not chosen:
        raise UsageError("metrics: give at least one name")
    on_embeddings = [metric for metric in chosen if metric.takes == "embeddings"]
    if on_embeddings and gallery_embeddings is not None:
        raise UsageError(f"metric {on_embeddings[0].name!r} is for one set, without a gallery")
    kind = check_ranking(similarity, memory_mib)
    check_gallery_arguments(gallery_embeddings, gallery_labels, gallery_ids)
    given = read_input(embeddings, labels, ids, gallery_embeddings, gallery_labels, gallery_ids)
    ranks = rank_input(given, kind, memory_mib, device or device_of(embeddings))
    labelled = given.labelled_queries() if on_embeddings else None
    del given  # the gallery and who is paired with whom
    of_ranks = [metric for metric in chosen if metric.takes == "ranks"]
    report = report_from_ranks(ranks, of_ranks, keep_going=keep_going)
    if labelled is None:
        return report if report.metrics else _raise_first(report)
    # Read, checked and paired once. Normalised once each: the ranks' unit rows stand in class order
    # and their lengths are added up in another order than these (k-means and the spectrum see the
    # last bit of both), and they are freed before the ranks are put together.
    rows = EmbeddingSet(*labelled, seed=seed, train_classes=train_classes, memory_mib=memory_mib)
    found, failed = _attempt(on_embeddings, lambda one: one.of_embeddings(rows), keep_going)
    values, failed = report.metrics | found, report.failed | failed
    ordered = {metric.name: values[metric.name] for metric in chosen if metric.name in values}
    report = replace(report, metrics=ordered, failed=failed)
    return report if ordered else _raise_first(report)


def report_from_ranks(
    ranks: PositiveRanks,
    metrics: Sequence[str | Metric] | None = None,
    *,
    keep_going: bool = False,
) -> Report:
    """The report of a ranks table, for instance of a stored one; no embeddings needed.

    ``keep_going`` as in `evaluate`.
    """
    chosen = resolve_metrics(metrics)
    scored = ranks.scored()
    if not len(scored):
        raise DataError(_why_nothing(ranks))
    values, failed = _attempt(chosen, lambda one: one(scored), keep_going)
    counts = {
        "queries": len(scored),
        "queries_without_positives": len(ranks) - len(scored),
        "unlabelled_queries": ranks.unlabelled_queries,
        "classes": len(np.unique(scored.labels)),
        "gallery": int(scored.gallery_sizes.max()),
        "positive_pairs": len(scored.ranks),
        "tied_positives": int(np.count_nonzero(scored.tied_before + scored.tied_after)),
    }
    size = len(ranks.class_names)
    return Report(
        metrics={name: float(value.mean()) for name, value in values.items()},
        macro={
            name: float(np.nanmean(class_means(value, scored.labels, size)))
            for name, value in values.items()
        },
        counts=counts,
        ranks=ranks,
        _values=values,
        failed=failed,
    )


V = TypeVar("V")


def _attempt(
    metrics: Sequence[Metric], compute: Callable[[Metric], V], keep_going: bool
) -> tuple[dict[str, V], dict[str, str]]:
    """Name -> value of those that can be had, name -> reason of the others."""
    found: dict[str, V] = {}
    failed: dict[str, str] = {}
    for metric in metrics:
        try:
            found[metric.name] = compute(metric)
        except OodmlError as error:
            if not keep_going:
                raise
            failed[metric.name] = str(error)
    return found, failed


def _raise_first(report: Report) -> Report:
    """OodmlError where no metric could be had."""
    raise OodmlError("; ".join(report.failed.values()))


def _why_nothing(ranks: PositiveRanks) -> str:
    if not len(ranks) and ranks.unlabelled_queries:
        return f"none of {ranks.unlabelled_queries} rows has a label; nothing to score"
    if not len(ranks):
        return "there are no rows; nothing to score"
    if (ranks.gallery_sizes == 0).all():
        return "the gallery is empty; nothing to score"
    return (
        f"no query has a positive: none of the {len(ranks)} queries has another image of its class to "
        "find; nothing to score"
    )


def resolve_metrics(metrics: Sequence[str | Metric] | None) -> list[Metric]:
    """Names -> metrics; UsageError for an unknown or repeated one."""
    if isinstance(metrics, str):
        metrics = [metrics]
    chosen = [
        get_metric(one) if isinstance(one, str) else one
        for one in (DEFAULT_METRICS if metrics is None else metrics)
    ]
    names = [metric.name for metric in chosen]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"metrics: {name!r} stands twice")
    return chosen


def class_means(
    values: NDArray[np.float64], labels: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Mean of ``values`` by label: float64 [classes], NaN for a label that does not occur."""
    sums = np.bincount(labels, weights=values, minlength=classes)
    counts = np.bincount(labels, minlength=classes)
    return np.divide(sums, counts, out=np.full(classes, np.nan), where=counts > 0)
