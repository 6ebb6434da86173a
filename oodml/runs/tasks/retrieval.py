"""Retrieval: every test item is a query, its class decides what should come first."""

from __future__ import annotations

from typing import Any

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.evaluation import DEFAULT_METRICS, Report, evaluate, save_ranks
from oodml.evaluation.metrics.registry import get_metric
from oodml.evaluation.report import resolve_metrics
from oodml.runs.plan.split import Split
from oodml.runs.results.classes_file import CLASSES_FILE, save_class_sums
from oodml.runs.results.row import ResultValues, result_row
from oodml.runs.tasks.base import Task, TaskContext, TaskOutput, register_task
from oodml.shift import Ladder

_RESAMPLES = 2_000  # of the classes, behind each stored interval


@register_task("retrieval")
class Retrieval(Task):
    """Exact retrieval among the test items (or from the gallery), and metrics of the whole set.

    Files: ``ranks.parquet``, and ``classes.parquet`` with a row a class: ``class``, ``count`` of
    scored queries, and a float64 column of sums for each retrieval metric. A metric that cannot be had
    takes no other with it.
    """

    metrics = Parameter(DEFAULT_METRICS, "names of metrics; `oodml metrics list` shows all")
    similarity = Parameter(
        "cosine", "what ranks the gallery", choices=("cosine", "dot", "euclidean")
    )

    def check(self) -> None:
        try:
            chosen = [get_metric(name) for name in self.metrics]
            resolve_metrics(chosen)
        except UsageError as error:
            raise UsageError(f"metrics: {error}") from None
        if not chosen:
            raise UsageError("metrics: give at least one name")

    def metric_names(self) -> tuple[str, ...]:
        return self.metrics

    def check_split(self, split: Split, ladder: Ladder) -> None:
        whole = [one.name for one in resolve_metrics(self.metrics) if one.takes == "embeddings"]
        if split.gallery is not None and whole:
            raise UsageError(f"metric {whole[0]!r} is for one set; this split has a gallery")

    @property
    def parts(self) -> tuple[Any, ...]:
        return (type(self), *(one.definition.function for one in resolve_metrics(self.metrics)))

    def run(self, context: TaskContext) -> TaskOutput:
        split, gallery = context.split, context.split.gallery
        ids = context.items.ids
        report = evaluate(
            context.embeddings,
            split.test.names,
            metrics=list(self.metrics),
            ids=[ids[row] for row in split.test.rows],
            gallery_embeddings=context.gallery,
            gallery_labels=gallery.names if gallery is not None else None,
            gallery_ids=[ids[row] for row in gallery.rows] if gallery is not None else None,
            similarity=self.similarity,
            # with the validation classes, so that it is one number for all methods of a level
            train_classes=split.train_classes,
            keep_going=True,
        )
        return TaskOutput(
            metric_rows(report),
            {
                "ranks.parquet": lambda path: save_ranks(report.ranks, path),
                CLASSES_FILE: lambda path: save_class_sums(report, path),
            },
            report.failed,
        )


def metric_rows(report: Report) -> list[ResultValues]:
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
