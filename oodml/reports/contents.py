"""What a results table holds, for whoever chooses a table."""

from __future__ import annotations

import pandas as pd

from oodml.reports.conditions import in_order
from oodml.reports.settings import settings_of


def contents_of(results: pd.DataFrame) -> dict[str, list[str]]:
    """Names of the metrics, settings, conditions and tasks."""
    return {
        "metrics": sorted(results["metric"].unique()),
        "settings": [f"{one.id}  {one.title}" for one in settings_of(results)],
        "conditions": in_order(results["condition"]),
        "tasks": sorted(results["task"].unique()),
    }
