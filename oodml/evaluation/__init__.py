"""Exact retrieval evaluation: positive ranks, and every metric derived from them."""

from __future__ import annotations

from oodml.evaluation.few_shot import episode_accuracy
from oodml.evaluation.files.rank_files import load_ranks, save_ranks
from oodml.evaluation.metrics import (
    get_metric,
    list_metrics,
    register_embedding_metric,
    register_metric,
)
from oodml.evaluation.ranks.positive_ranks import positive_ranks
from oodml.evaluation.ranks.shards import GalleryShard, sharded_positive_ranks
from oodml.evaluation.ranks.table import PositiveRanks
from oodml.evaluation.report import DEFAULT_METRICS, Report, evaluate, report_from_ranks
from oodml.evaluation.search.approximate import approximate_neighbours
from oodml.evaluation.search.neighbour_lists import (
    NeighbourLists,
    check_listed_metrics,
    metrics_from_neighbours,
    metrics_within,
    recall_from_neighbours,
)
from oodml.evaluation.uncertainty.estimates import Estimate, t_interval
from oodml.evaluation.verification import VerificationReport, verification

__all__ = [
    "DEFAULT_METRICS",
    "Estimate",
    "GalleryShard",
    "NeighbourLists",
    "PositiveRanks",
    "Report",
    "VerificationReport",
    "approximate_neighbours",
    "check_listed_metrics",
    "episode_accuracy",
    "evaluate",
    "get_metric",
    "list_metrics",
    "load_ranks",
    "metrics_from_neighbours",
    "metrics_within",
    "positive_ranks",
    "recall_from_neighbours",
    "register_embedding_metric",
    "register_metric",
    "report_from_ranks",
    "save_ranks",
    "sharded_positive_ranks",
    "t_interval",
    "verification",
]
