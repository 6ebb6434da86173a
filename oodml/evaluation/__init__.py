"""Exact retrieval evaluation: positive ranks, and every metric derived from them."""

from __future__ import annotations

from oodml.evaluation.classifiers import list_classifiers, register_classifier
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
from oodml.evaluation.uncertainty import (
    ClassSums,
    Estimate,
    PermutationTest,
    Separation,
    TransferShare,
    adjust_p_values,
    ags,
    ags_bootstrap,
    ags_bootstrap_of,
    ags_over_seeds,
    bootstrap_intervals,
    bootstrap_intervals_of,
    paired_bootstrap,
    paired_bootstrap_of,
    permutation_test,
    permutation_test_of,
    rank_stability,
    rank_stability_of,
    separable_from_best,
    stack_runs,
    t_interval,
    transfer_share,
)
from oodml.evaluation.verification import VerificationReport, verification

__all__ = [
    "DEFAULT_METRICS",
    "ClassSums",
    "Estimate",
    "GalleryShard",
    "NeighbourLists",
    "PermutationTest",
    "PositiveRanks",
    "Report",
    "Separation",
    "TransferShare",
    "VerificationReport",
    "adjust_p_values",
    "ags",
    "ags_bootstrap",
    "ags_bootstrap_of",
    "ags_over_seeds",
    "approximate_neighbours",
    "bootstrap_intervals",
    "bootstrap_intervals_of",
    "check_listed_metrics",
    "episode_accuracy",
    "evaluate",
    "get_metric",
    "list_classifiers",
    "list_metrics",
    "load_ranks",
    "metrics_from_neighbours",
    "metrics_within",
    "paired_bootstrap",
    "paired_bootstrap_of",
    "permutation_test",
    "permutation_test_of",
    "positive_ranks",
    "rank_stability",
    "rank_stability_of",
    "recall_from_neighbours",
    "register_classifier",
    "register_embedding_metric",
    "register_metric",
    "report_from_ranks",
    "save_ranks",
    "separable_from_best",
    "sharded_positive_ranks",
    "stack_runs",
    "t_interval",
    "transfer_share",
    "verification",
]
