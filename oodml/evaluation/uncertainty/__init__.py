"""Honest uncertainty: every interval names its estimator and n."""

from __future__ import annotations

from oodml.core.statistics import kendall_tau
from oodml.evaluation.uncertainty.ags import ags, ags_bootstrap, ags_over_seeds, ags_weights
from oodml.evaluation.uncertainty.bootstrap import bootstrap_intervals
from oodml.evaluation.uncertainty.corrections import adjust_p_values
from oodml.evaluation.uncertainty.estimates import Estimate, t_interval
from oodml.evaluation.uncertainty.paired import PermutationTest, paired_bootstrap, permutation_test
from oodml.evaluation.uncertainty.stability import rank_stability

__all__ = [
    "Estimate",
    "PermutationTest",
    "adjust_p_values",
    "ags",
    "ags_bootstrap",
    "ags_over_seeds",
    "ags_weights",
    "bootstrap_intervals",
    "kendall_tau",
    "paired_bootstrap",
    "permutation_test",
    "rank_stability",
    "t_interval",
]
