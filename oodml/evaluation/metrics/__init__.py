"""Retrieval metrics, one definition a file, each a pure function on the ranks table."""

from __future__ import annotations

from oodml.evaluation.metrics import (  # noqa: F401  (importing a module registers its metric)
    map_at_1000_oodml,
    map_at_k,
    map_at_r,
    map_c_oodml,
    mean_average_precision,
    mrr,
    precision_at_k,
    r_precision,
    recall_at_k,
)
from oodml.evaluation.metrics.registry import (
    Metric,
    RegisteredMetric,
    describe_metrics,
    get_metric,
    list_metrics,
    register_metric,
)

__all__ = [
    "Metric",
    "RegisteredMetric",
    "describe_metrics",
    "get_metric",
    "list_metrics",
    "register_metric",
]
