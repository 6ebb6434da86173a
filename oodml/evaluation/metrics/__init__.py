"""Metrics, one definition a function: on the ranks table here, on vectors in `on_embeddings`.

Every module of this package and of `on_embeddings` is imported when a metric is first looked up, so
a new metric is one new file.
"""

from __future__ import annotations

from oodml.evaluation.metrics.registry import (
    Metric,
    RegisteredMetric,
    Unit,
    describe_metrics,
    get_metric,
    list_metrics,
    register_embedding_metric,
    register_metric,
)

__all__ = [
    "Metric",
    "RegisteredMetric",
    "Unit",
    "describe_metrics",
    "get_metric",
    "list_metrics",
    "register_embedding_metric",
    "register_metric",
]
