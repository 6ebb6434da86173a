"""Files written by earlier versions are read for good: one fixture folder a schema version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import oodml
from oodml.core.checksum import CHECKSUM_KEY
from oodml.core.errors import IntegrityError
from oodml.core.vectors import read_vectors
from oodml.evaluation import load_ranks, report_from_ranks
from oodml.reports import summarise
from oodml.runs import class_sums, load_spec, read_results
from oodml.runs.items_file import read_items
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.store.cells import CellStore

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def test_ladder_v1() -> None:
    ladder = oodml.load_ladder(FIXTURES / "v1" / "ladder")
    assert [len(level.test) for level in ladder.levels] == [12, 12, 12]
    assert all(a.shift < b.shift for a, b in zip(ladder.levels, ladder.levels[1:], strict=False))
    episodes = ladder.episodes(0, 2)
    assert len(episodes) == 2
    assert all(len(ids) == 2 for episode in episodes for ids in episode.values())


def test_spec_v1() -> None:
    assert load_spec(FIXTURES / "v1" / "spec.toml").training.steps == 20


def test_results_v1() -> None:
    summary = summarise(read_results(FIXTURES / "v1" / "results.parquet"))
    assert summary.labels[0] == "frozen"
    assert len(summary.levels) == 3


def test_ranks_v1_still_give_the_stored_metrics() -> None:
    results = read_results(FIXTURES / "v1" / "results.parquet")
    cell = results[
        (results["method"] == "sec-triplet") & (results["level"] == 0) & (results["seed"] == 0)
    ].set_index("metric")["value"]
    report = report_from_ranks(load_ranks(FIXTURES / "v1" / "ranks.parquet"))
    for name, value in report.metrics.items():
        assert value == pytest.approx(cell[name], abs=1e-12)


def test_embeddings_v1() -> None:
    table = read_vectors(FIXTURES / "v1" / "embeddings.parquet")
    assert table.vectors.shape == (288, 16)
    assert np.isfinite(table.vectors).all()
    assert table.columns["label"][0] == "class-00"


def test_spec_v2() -> None:
    spec = load_spec(FIXTURES / "v2" / "spec.toml")
    assert spec.conditions == ("forward", "reverse", "ceiling")
    assert [task.name for task in spec.tasks()] == ["retrieval", "k-shot", "few-shot"]
    assert spec.methods()[1].training.steps == 10


def test_results_v2() -> None:
    results = read_results(FIXTURES / "v2" / "results.parquet")
    assert set(results["condition"]) == {"forward", "reverse", "ceiling"}
    assert set(results["task"]) == {"retrieval", "k-shot", "few-shot"}
    forward = results[(results["condition"] == "forward") & (results["task"] == "retrieval")]
    summary = summarise(forward)
    assert summary.labels[0] == "frozen"
    assert len(summary.levels) == 2


def test_plan_and_record_of_a_v2_folder() -> None:
    plan = read_plan(FIXTURES / "v2")
    results = read_results(FIXTURES / "v2")
    assert {cell.run_id for cell in plan.cells} == set(results["run_id"])
    run_id = next((FIXTURES / "v2" / "cells").iterdir()).name
    record = CellStore(FIXTURES / "v2").record(run_id)
    assert record is not None
    stored = results[results["run_id"] == run_id].set_index("metric")["value"]
    assert {row["metric"]: row["value"] for row in record["rows"]} == stored.to_dict()
    sums = class_sums(FIXTURES / "v2", run_id, "recall_at_1")
    assert sums is not None
    assert sums.sums.sum() / sums.counts.sum() == pytest.approx(stored["recall_at_1"], abs=1e-12)


def test_a_v3_folder_with_everything_sealed() -> None:
    folder = FIXTURES / "v3"
    plan, results = read_plan(folder), read_results(folder)
    assert {cell.run_id for cell in plan.cells} == set(results["run_id"])
    run_id = next((folder / "cells").iterdir()).name
    store = CellStore(folder)
    assert store.is_done(run_id)
    assert store.damaged([run_id], deep=True) == {}
    record = store.record(run_id)
    assert record is not None
    stored = results[results["run_id"] == run_id].set_index("metric")["value"]
    assert {row["metric"]: row["value"] for row in record["rows"]} == stored.to_dict()
    path = store.file(run_id, "ranks.parquet")
    assert path is not None
    report = report_from_ranks(load_ranks(path), metrics=["recall_at_1"])
    assert report.metrics["recall_at_1"] == pytest.approx(stored["recall_at_1"], abs=1e-12)
    items, features = read_items(folder / plan.settings[0].items_file)
    assert (len(items.ids), features.dim) == (288, 16)


@pytest.mark.parametrize("name", ["results.parquet", "ranks.parquet"])
def test_what_another_program_wrote_again_is_refused(name: str, tmp_path: Path) -> None:
    """It may hold other numbers, and no checksum tells."""
    path = tmp_path / name
    found = pq.read_table(next((FIXTURES / "v3").rglob(name)))
    metadata = {k: v for k, v in found.schema.metadata.items() if k != CHECKSUM_KEY}
    pq.write_table(found.replace_schema_metadata(metadata), path)
    read = read_results if name == "results.parquet" else load_ranks
    with pytest.raises(IntegrityError, match=rf"{name}: has no checksum, so another program"):
        read(path)
