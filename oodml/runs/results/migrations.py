"""Results tables of earlier schemas -> the present one. Each schema is read for good."""

from __future__ import annotations

import re

import pandas as pd

from oodml.runs.plan.settings import setting_id

_SHOTS = re.compile(r"accuracy_(\d+)_shot")


def from_schema_1(table: pd.DataFrame) -> pd.DataFrame:
    """Schema 1 had one setting, forward only, and the tasks ``retrieval`` and ``k-shot``.

    It did not record the method's version, which was 1, nor the backbone's pretraining.
    """
    shots = [_SHOTS.fullmatch(metric) for metric in table["metric"]]
    keys = zip(
        table["dataset_fingerprint"], table["ladder_sha256"], table["features_key"], strict=True
    )
    return table.assign(
        setting=[setting_id(*key) for key in keys],
        condition="forward",
        draw=pd.array([None] * len(table), "Int64"),
        method_version="1",
        pretraining="unknown",
        selection_fair=True,
        training_changes="{}",
        task=["retrieval" if found is None else "k-shot" for found in shots],
        shots=pd.array([None if found is None else int(found[1]) for found in shots], "Int64"),
    )


def from_schema_2(table: pd.DataFrame) -> pd.DataFrame:
    """Schema 2 had the same columns; its files had no checksum."""
    return table


MIGRATIONS = {1: from_schema_1, 2: from_schema_2}
