"""k-shot accuracy of several classifiers in one table: a row a method and what decides."""

from __future__ import annotations

import re

import pandas as pd

_FAMILY = re.compile(r"accuracy_[0-9]+_shot")


def by_decider(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of ``accuracy_5_shot_nearest`` and its kin as rows of ``accuracy_5_shot``.

    What decides stands in the label, "frozen + unit prototype", so that no reader takes the
    difference of two classifiers for one of two embeddings. Results of protocol oodml-0.1 have the
    plain metric. The same frame where there is nothing to gather.
    """
    if not _FAMILY.fullmatch(metric) or (results["metric"] == metric).any():
        return results
    kin = results[results["metric"].str.startswith(f"{metric}_")]
    if kin.empty:
        return results
    ways = kin["metric"].str.removeprefix(f"{metric}_").str.replace("_", " ")
    return kin.assign(label=kin["label"] + " + " + ways, metric=metric)
