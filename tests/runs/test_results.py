"""Results: tabulated from records alone, and read from every schema."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_specs import SMALL, SPEC, toml

import oodml
from oodml.cli import run_command
from oodml.runs import parse_spec, read_results
from oodml.runs.prepare import prepare
from oodml.runs.results.row import COLUMNS
from oodml.runs.results.table import RESULTS_FILE, collect
from oodml.runs.store.cells import CellStore
from oodml.runs.store.status import benchmark_status

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def test_a_method_that_is_gone_is_still_tabulated(
    vector_data: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from oodml.methods import registry
    from oodml.runs.plan.plan_file import read_plan

    out = tmp_path / "out"
    spec = {**SMALL, "methods": [{"name": "frozen"}, {"name": "triplet", "margin": 0.5}]}
    first = oodml.run({**spec, "tasks": [{"name": "retrieval"}]}, out, executor="serial")
    before = (out / RESULTS_FILE).read_bytes()
    (out / RESULTS_FILE).unlink()
    monkeypatch.setattr(registry, "_methods", type(registry._methods)("method"))
    with pytest.raises(oodml.core.errors.UsageError):
        oodml.create_method("triplet")
    assert benchmark_status(out)["done"] == 4
    (tmp_path / "spec.toml").write_text(toml(spec))
    assert run_command(["status", str(tmp_path / "spec.toml"), "--out", str(out)]) == 0
    assert "4 done" in capsys.readouterr().out
    collect(CellStore(out), read_plan(out).cells)
    assert (out / RESULTS_FILE).read_bytes() == before
    assert set(first["label"]) == {"frozen", "triplet (margin=0.5)"}


def test_columns_of_a_fresh_table(vector_data: str, tmp_path: Path) -> None:
    results = oodml.run(SPEC, tmp_path / "out", executor="serial")
    assert list(results.columns) == list(COLUMNS)
    assert results["setting"].nunique() == 1
    assert set(results["condition"]) == {"forward"}
    assert results["draw"].isna().all()
    assert results["selection_fair"].all()
    assert set(results["task"]) == {"retrieval", "k-shot"}
    assert (results["method_version"] != "").all()
    assert results["pretraining"].str.startswith("unknown (vectors").all()


def test_rules_that_look_at_the_test_side_are_marked(vector_data: str, tmp_path: Path) -> None:
    spec = {**SMALL, "training": {**SMALL["training"], "selection": "oracle"}}
    cells = prepare(parse_spec({**spec, "tasks": [{"name": "retrieval"}]}), tmp_path / "o").cells
    assert {cell.trains: cell.selection_fair for cell in cells} == {False: True, True: False}


def test_an_empty_benchmark_has_an_empty_table(vector_data: str, tmp_path: Path) -> None:
    prepare(parse_spec(SPEC), tmp_path / "out")
    results = oodml.run(SPEC, tmp_path / "out", overwrite="never")
    assert len(results) == 0
    assert list(results.columns) == list(COLUMNS)


def test_schema_1_is_brought_to_schema_2() -> None:
    old = pd.read_parquet(FIXTURES / "v1" / "results.parquet")
    new = read_results(FIXTURES / "v1" / "results.parquet")
    assert list(new.columns) == list(COLUMNS)
    pd.testing.assert_frame_equal(new[list(old.columns)], old, check_dtype=False)
    shots = new[new["task"] == "k-shot"]
    assert set(shots["metric"]) == {"accuracy_2_shot"}
    assert set(shots["shots"]) == {2}
    assert new.loc[new["task"] == "retrieval", "shots"].isna().all()
    assert set(new["condition"]) == {"forward"}
    assert new["setting"].nunique() == 1
    fresh = dict(new.dtypes)
    again = read_results(FIXTURES / "v2" / "results.parquet").dtypes
    assert fresh == dict(again), "a migrated table has the types of a fresh one"


def test_status_of_a_folder_of_an_earlier_version_says_what_to_do(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "plan.json").write_text('[{"run_id": "0", "title": "old"}]')
    assert run_command(["status", str(spec_file), "--out", str(out)]) == 1
    assert "`oodml run` writes it again" in capsys.readouterr().err
    assert run_command(["run", str(spec_file), "--out", str(out), "--dry-run"]) == 0


def test_the_example_of_run_runs() -> None:
    import doctest

    from oodml.runs import benchmark

    found = doctest.testmod(benchmark)
    assert found.attempted > 10
    assert found.failed == 0
