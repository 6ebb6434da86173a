"""Results of schema 1 seen as schema 2: the columns that they lack, filled with what was meant."""

from __future__ import annotations

import pandas as pd

_K_SHOT = r"^accuracy_([0-9]+)_shot$"


def with_schema_2(results: pd.DataFrame) -> pd.DataFrame:
    """The table with every column of schema 2; the same object where none is missing.

    Schema 1 knew one setting, the forward condition, fair selection rules, and retrieval or k-shot
    metrics, whose names carried the number of shots.
    """
    missing = {
        "setting": results["dataset"].iloc[0] if len(results) else "none",
        "condition": "forward",
        "draw": pd.NA,
        "method_version": "1",
        "selection_fair": True,
    }
    added = {name: value for name, value in missing.items() if name not in results}
    if "task" not in results:
        k_shot = results["metric"].str.fullmatch(_K_SHOT)
        added["task"] = k_shot.map({True: "k-shot", False: "retrieval"})
    if "shots" not in results:
        added["shots"] = results["metric"].str.extract(_K_SHOT, expand=False).astype("Int64")
    return results.assign(**added) if added else results
