"""Small results tables for the tests of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from oodml.runs.results.row import SCHEMA_VERSION
from oodml.runs.results.table import write_results

LEVELS = {0: 10.0, 1: 20.0, 2: 40.0}
VALUES = {  # method -> level -> values of the seeds
    "frozen": {0: [0.50], 1: [0.48], 2: [0.45]},
    "good": {0: [0.70, 0.72], 1: [0.60, 0.62], 2: [0.50, 0.54]},
    "a_bad": {0: [0.55, 0.55], 1: [0.40, 0.42], 2: [0.30, 0.32]},
}
UGLY = r"a_b$c|d<script>[x](y)\&%#{~}^*`_"


def results(values: dict[str, dict[int, list[float]]] = VALUES, **changes: Any) -> pd.DataFrame:
    """A table of one setting under one condition."""
    rows = [
        {
            "run_id": f"{method}-{level}-{seed}", "dataset": "toy", "ladder": "toy-ladder",
            "ladder_sha256": "ab" * 32, "level": level, "shift": LEVELS[level],
            "shift_measure": "frechet_class_means", "test_classes": 5, "test_images": 50,
            "method": method, "label": method, "trains": method != "frozen",
            "backbone": "net.tag", "mode": "none" if method == "frozen" else "head",
            "selection": "none" if method == "frozen" else "fixed-steps",
            "training": "{}" if method == "frozen" else '{"steps":3}',
            "seed": seed, "protocol": "oodml-0.1", "metric": "recall_at_1", "value": value,
            "setting": "toy-id", "condition": "forward", "draw": pd.NA, "task": "retrieval",
            "shots": pd.NA, "method_version": "1", "selection_fair": True,
            "dataset_fingerprint": "cd" * 32, "train_classes": 4, "val_classes": 1,
            "hyper_parameters": "{}", "pretraining": "none", "features_key": "ef" * 32,
            "training_changes": "{}", "n": 50, "low": np.nan, "high": np.nan, "interval": "none",
        }
        for method, levels in values.items()
        for level, of_seeds in levels.items()
        for seed, value in enumerate(of_seeds)
    ]  # fmt: skip
    table = pd.DataFrame(rows).astype({"draw": "Int64", "shots": "Int64"})
    for column, value in changes.items():
        table[column] = value
    table.attrs = {"schema_version": SCHEMA_VERSION}
    return table


def changed(table: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """The table with some columns changed."""
    filled = table.assign(**changes)
    filled.attrs = table.attrs
    return filled


def joined(*tables: pd.DataFrame) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    table.attrs = tables[0].attrs
    return table


def with_conditions() -> pd.DataFrame:
    """Forward rows and, for ``good`` and ``frozen``, the three reference conditions."""
    forward = results()
    some = results()[lambda t: t["label"].isin(["good", "frozen"])]
    good = results()[lambda t: t["label"] == "good"]
    parts = [forward]
    parts.append(changed(some, condition="reverse", value=some["value"] + 0.05))
    parts.append(changed(some, condition="ceiling", value=some["value"] + 0.1))
    for draw in range(3):
        drawn = changed(good, condition="size-matched", value=good["value"] - 0.01 * draw)
        parts.append(drawn.assign(draw=pd.array([draw] * len(drawn), "Int64")))
    table = joined(*parts)
    for column in ("condition", "draw"):
        table["run_id"] += "-" + table[column].astype(str)
    return table


def run_folder(
    folder: Path, classes: int = 30, labels: tuple[str, ...] = ("frozen", "best", "twin", "bad")
) -> pd.DataFrame:
    """A results table with the class values in its cells: ``twin`` is ``best`` with other noise."""
    base = {"frozen": 0.3, "best": 0.8, "twin": 0.8, "bad": 0.5}
    random = np.random.default_rng(3)
    sums, values = {}, {}
    counts = np.arange(classes) % 3 + 4.0
    for label in labels:
        values[label] = {}
        for level in LEVELS:
            seeds = [
                counts * (base[label] - 0.1 * level + random.normal(0, 0.03, classes))
                for _ in range(1 if label == "frozen" else 2)
            ]
            sums[label, level] = seeds
            values[label][level] = [float(one.sum() / counts.sum()) for one in seeds]
    best = max(labels, key=lambda one: np.mean([values[one][level] for level in LEVELS]))
    assert best in ("best", "twin")
    for (label, level), seeds in sums.items():
        for seed, one in enumerate(seeds):
            place = folder / "cells" / f"{label}-{level}-{seed}"
            place.mkdir(parents=True)
            names = [f"class {index:02}" for index in range(classes)]
            frame = pd.DataFrame({"class": names, "count": counts, "recall_at_1": one})
            frame.to_parquet(place / "classes.parquet", index=False)
    table = results(values)
    write_results(folder / "results.parquet", table)
    return table


# condition -> level -> mean of each method; frozen falls by as much whatever was trained
SHARES = {
    "forward": {"frozen": (0.50, 0.45, 0.40), "good": (0.75, 0.62, 0.48), "weak": (0.56, 0.43, 0.30)},
    "held-out": {"good": (0.72, 0.60, 0.46), "weak": (0.54, 0.42, 0.29)},
    "ceiling": {"frozen": (0.48, 0.43, 0.38), "good": (0.80, 0.76, 0.72), "weak": (0.60, 0.55, 0.38)},
    "reverse": {"frozen": (0.52, 0.55, 0.60)},
}  # fmt: skip


def share_folder(
    folder: Path, shares: dict[str, dict[str, tuple[float, ...]]] = SHARES, classes: int = 40
) -> pd.DataFrame:
    """A results table of all conditions with class values; method - frozen varies over classes."""
    random = np.random.default_rng(5)
    parts = []
    for condition, methods in shares.items():
        names = [f"{condition[:1]}{index:02}" for index in range(classes)]
        if condition in ("held-out", "ceiling"):
            names = [f"test {index:02}" for index in range(classes)]
        counts = np.arange(classes) % 3 + 6.0
        hard = np.random.default_rng(6).normal(0, 0.1, classes)  # alike for all on the same classes
        values: dict[str, dict[int, list[float]]] = {}
        for label, means in methods.items():
            values[label] = {}
            for level, mean in enumerate(means):
                values[label][level] = []
                for seed in range(1 if label == "frozen" else 2):
                    noise = hard + random.normal(0, 0.04, classes)
                    sums = counts * (mean + noise - counts @ noise / counts.sum())
                    place = folder / "cells" / f"{label}-{level}-{seed}-{condition}"
                    place.mkdir(parents=True)
                    frame = pd.DataFrame({"class": names, "count": counts, "recall_at_1": sums})
                    frame.to_parquet(place / "classes.parquet", index=False)
                    values[label][level].append(float(sums.sum() / counts.sum()))
        part = results(values)
        parts.append(changed(part, condition=condition, run_id=part["run_id"] + f"-{condition}"))
    table = joined(*parts)
    write_results(folder / "results.parquet", table)
    return table
