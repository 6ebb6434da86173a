"""Metrics, one definition a function: on the ranks table here, on vectors in `on_embeddings`."""

from __future__ import annotations

# Importing a module registers its metrics.
from oodml.evaluation.metrics import (  # noqa: F401
    cmc_at_k,
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
from oodml.evaluation.metrics.on_embeddings import (  # noqa: F401
    class_distances,
    clustering_quality,
    hubness,
    norms,
    spectrum,
    sphere,
)
from oodml.evaluation.metrics.registry import (
    Metric,
    RegisteredMetric,
    describe_metrics,
    get_metric,
    list_metrics,
    register_embedding_metric,
    register_metric,
)

__all__ = [
    "Metric",
    "RegisteredMetric",
    "describe_metrics",
    "get_metric",
    "list_metrics",
    "register_embedding_metric",
    "register_metric",
]
