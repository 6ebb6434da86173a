"""``devices``: several processes train a cell; and what a training's log and failures say."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_specs import SPEC

import oodml
from oodml.core.errors import OodmlError, UsageError
from oodml.core.registry import Registry
from oodml.reports import summarise
from oodml.runs import CellsFailed, read_results
from oodml.runs.store.cells import CellStore


@pytest.fixture
def rank_methods() -> Iterator[None]:
    before = {one: {name for _, name in one.from_outside()} for one in Registry.everyone}
    importlib.import_module("rank_methods")
    yield
    del sys.modules["rank_methods"]
    for registry, names in before.items():
        registry._forget_outsiders(but=names)


def spec(*methods: str, **training: object) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "name": "several",
        "dataset": "toy",
        "seeds": [0],
        "levels": [0],
        "features": SPEC["features"],
        "ladder": {"levels": 2, "shots": [2], "episodes": 2},
        "training": {**SPEC["training"], "steps": 8, **training},
        "tasks": [{"name": "retrieval"}],
        "methods": [{"name": name} for name in methods],
    }


def run(given: dict[str, Any], out: Path, **options: Any) -> Any:
    return oodml.run(given, out, **{"executor": "serial", **options})


def test_two_devices_give_the_table_of_one(vector_data: str, tmp_path: Path) -> None:
    given = spec("normalized-softmax", selection="best-val", evaluate_every=4)
    one = run(given, tmp_path / "one")
    two = run(given, tmp_path / "two", devices=2, log_every=4, executor="processes", workers=1)
    assert one["run_id"].tolist() == two["run_id"].tolist(), "devices are no part of a cell"
    np.testing.assert_allclose(two["value"], one["value"], atol=1e-6)
    assert CellStore(tmp_path / "two").is_done(one["run_id"].iloc[0])
    assert list((tmp_path / "two" / "checkpoints").glob("*")) == []
    (log,) = (tmp_path / "two" / "logs").iterdir()
    rows = list(csv.DictReader(log.open()))
    assert [row["step"] for row in rows if row["loss"]] == ["4", "8"]
    assert [row["step"] for row in rows if row["score/validation"]] == ["0", "4", "8"]


def test_a_network_on_two_devices_adapts_as_on_one(photos: str, tmp_path: Path) -> None:
    """Its share of views is loaded alone, the leading process scores, and adapts by itself."""
    given = {
        **spec("weight-transfer", "baseline", mode="network", selection="plateau"),
        "dataset": "photos",
        "features": {"backbone": "conv4", "image_size": 32},
        "tasks": [{"name": "k-shot", "shots": [2], "episodes": 2}],
    }
    given["training"] |= {"freeze_batch_norm": False, "evaluate_every": 4, "batch_size": 9}
    for method in given["methods"]:
        method["adaptation_steps"] = 3
    one = run(given, tmp_path / "one")
    two = run(given, tmp_path / "two", devices=2)
    assert set(two["label"]) == set(one["label"])
    adapted = "accuracy_2_shot_adapted_classifier"
    assert (two["metric"] == adapted).sum() == 2
    np.testing.assert_allclose(two["value"], one["value"], atol=0.03)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("raises", "another process of the training failed: ValueError: the second one had enough"),
        ("killed", "another process of the training ended (SIGKILL"),
    ],
)
def test_a_process_that_fails_is_the_cells_failure_and_named(
    vector_data: str, rank_methods: None, tmp_path: Path, way: str, reason: str
) -> None:
    with pytest.raises(CellsFailed) as caught:
        run(spec(f"rank-{way}"), tmp_path / "out", devices=2)
    assert reason in str(caught.value)


def test_a_loss_that_is_not_finite_ends_its_cell_with_a_report(
    vector_data: str, rank_methods: None, tmp_path: Path
) -> None:
    with pytest.raises(CellsFailed) as caught:
        run(spec("rank-nan", "triplet"), tmp_path / "out")
    text = str(caught.value)
    assert "rank-nan, level 0, seed 0: the loss became nan at step 4" in text
    for part in (
        "lower the learning rate (now 0.01)",
        "not finite: term 'failing' (nan)",
        "last finite loss ",
        "largest embedding norm ",
        "largest gradient of the update before ",
    ):
        assert part in text
    assert set(caught.value.results["label"]) == {"triplet"}, "the grid went on"


def test_the_log_has_losses_rates_norms_and_what_terms_observe(
    vector_data: str, tmp_path: Path
) -> None:
    results = run(spec("sec-triplet"), tmp_path / "out", log_every=3)
    path = tmp_path / "out" / "logs" / f"{results['run_id'].iloc[0]}.csv"
    rows = list(csv.DictReader(path.open()))
    assert [int(row["step"]) for row in rows] == [3, 6]
    for row in rows:
        parts = [float(row[name]) for name in row if name.startswith("term/")]
        assert float(row["loss"]) == pytest.approx(sum(parts), rel=1e-5)
        assert float(row["rate/head"]) == 0.01
        assert float(row["norm_mean"]) > 0
        assert float(row["norm_variance"]) >= 0
        assert float(row["images_per_second"]) > 0
    assert not (tmp_path / "none" / "logs").exists()


def test_the_oracle_is_apart(vector_data: str, tmp_path: Path) -> None:
    fair = spec("triplet", "classification", selection="fixed-steps")
    fair["methods"][1]["training"] = {"selection": "oracle", "evaluate_every": 2}
    results = run(fair, tmp_path / "out")
    marked = dict(zip(results["label"], results["selection_fair"], strict=True))
    assert sorted(marked.values()) == [False, True]
    with pytest.raises(OodmlError, match="with a look at the test side"):
        summarise(read_results(tmp_path / "out"))


def test_loggers_and_devices_that_are_not_here_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean tensorboard"):
        run(spec("triplet"), tmp_path / "out", logger="tensorbord")
    with pytest.raises(UsageError, match="devices of at least 1"):
        run(spec("triplet"), tmp_path / "out", devices=0)
