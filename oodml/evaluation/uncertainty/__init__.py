"""Honest uncertainty: every interval names its estimator and n.

Functions ending in ``_of`` take class sums (`ClassSums`, from `class_sums` or `Report.class_sums`)
instead of per-query values, with the same results.
"""

from __future__ import annotations

from oodml.core.statistics import kendall_tau
from oodml.evaluation.uncertainty.against import p_values_against
from oodml.evaluation.uncertainty.ags import (
    ags,
    ags_bootstrap,
    ags_bootstrap_of,
    ags_over_seeds,
    ags_weights,
)
from oodml.evaluation.uncertainty.bootstrap import bootstrap_intervals, bootstrap_intervals_of
from oodml.evaluation.uncertainty.class_sums import ClassSums, class_sums, stack_runs
from oodml.evaluation.uncertainty.corrections import adjust_p_values
from oodml.evaluation.uncertainty.estimates import Estimate, t_interval
from oodml.evaluation.uncertainty.paired import (
    PermutationTest,
    paired_bootstrap,
    paired_bootstrap_of,
    permutation_test,
    permutation_test_of,
)
from oodml.evaluation.uncertainty.separable import Separation, separable_from_best
from oodml.evaluation.uncertainty.stability import rank_stability, rank_stability_of
from oodml.evaluation.uncertainty.transfer import TransferShare, transfer_share

__all__ = [
    "ClassSums",
    "Estimate",
    "PermutationTest",
    "Separation",
    "TransferShare",
    "adjust_p_values",
    "ags",
    "ags_bootstrap",
    "ags_bootstrap_of",
    "ags_over_seeds",
    "ags_weights",
    "bootstrap_intervals",
    "bootstrap_intervals_of",
    "class_sums",
    "kendall_tau",
    "p_values_against",
    "paired_bootstrap",
    "paired_bootstrap_of",
    "permutation_test",
    "permutation_test_of",
    "rank_stability",
    "rank_stability_of",
    "separable_from_best",
    "stack_runs",
    "t_interval",
    "transfer_share",
]
