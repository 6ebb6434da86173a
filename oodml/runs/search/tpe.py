"""Values of a trial, suggested by Optuna's tree-structured Parzen estimator from those before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.runs.search.draws import History, drawn
from oodml.runs.search.ranges import Range

FIRST_DRAWN = 8  # trials before the model; those of the random sampler, so that both share them


def suggested(
    ranges: Mapping[str, Range], seed: int, method: str, trial: int, history: History
) -> dict[str, Any]:
    """Values of one trial, a function of its arguments: the study is made anew from ``history``.

    So nothing is stored beside the cells. Values of the history outside of the ranges (the spec's
    own may be) are left out. The first trials are those of the random sampler.

    Raises:
        UsageError: Optuna is not installed.
    """
    optuna = _optuna()
    if trial <= FIRST_DRAWN or not ranges:
        return drawn(ranges, seed, method, trial)
    kinds = {name: _distribution(optuna, one) for name, one in ranges.items()}
    own = derived_seed("search tpe", seed, method, trial) % 2**32
    sampler = optuna.samplers.TPESampler(n_startup_trials=0, seed=own)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for values, score in history:
        if all(ranges[name].holds(values[name]) for name in ranges) and math.isfinite(score):
            study.add_trial(
                optuna.trial.create_trial(params=dict(values), distributions=kinds, value=score)
            )
    found = study.ask(kinds).params
    return {name: _rounded(found[name], one) for name, one in ranges.items()}


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UsageError(
            "sampler 'tpe' needs Optuna, which is not installed: pip install 'oodml[optuna]'",
            key="sampler",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _distribution(optuna: Any, one: Range) -> Any:
    if one.choices:
        return optuna.distributions.CategoricalDistribution(one.choices)
    if one.whole:
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)


def _rounded(value: Any, one: Range) -> Any:
    if one.choices or one.whole:
        return value
    return min(max(float(f"{value:.3g}"), one.low), one.high)
