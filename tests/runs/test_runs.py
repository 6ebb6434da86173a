"""Benchmarks end to end on a small data set of vectors, and their interruption."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_specs import SPEC, opened, records, toml

import oodml
from oodml.cli import run_command
from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.evaluation import load_ranks, report_from_ranks
from oodml.runs import CellsFailed, load_spec, parse_spec, read_results
from oodml.runs.prepare import prepare
from oodml.runs.run_cell import run_cell


def test_a_benchmark_gives_a_tidy_table(spec_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    results = oodml.run(spec_file, out, executor="serial")
    assert len(results["run_id"].unique()) == 3 * (1 + 3 * 2), "frozen once a level"
    assert not results.duplicated(["run_id", "metric"]).any()
    assert results["value"].between(0, 1).all()
    levels = results.drop_duplicates("level").sort_values("level")
    assert (np.diff(levels["shift"]) > 0).all()
    pd.testing.assert_frame_equal(results, read_results(out))
    assert set(results["metric"]) >= {"recall_at_1", "map_at_r", "accuracy_2_shot_nearest"}
    assert json.loads((out / "spec.json").read_text())["methods"][1]["margin"] == 1.0


def test_every_number_can_be_derived_again(spec_file: Path, tmp_path: Path) -> None:
    """ranks.parquet holds what the metrics were computed from; the weights what embedded."""
    from safetensors.numpy import load_file

    out = tmp_path / "out"
    results = oodml.run(spec_file, out, executor="serial")
    plan, bench, _ = opened(load_spec(spec_file), out)
    for cell in plan.cells:
        rows = results[results["run_id"] == cell.run_id].set_index("metric")["value"]
        again = report_from_ranks(load_ranks(out / "cells" / cell.run_id / "ranks.parquet"))
        for name, value in again.metrics.items():
            assert value == rows[name]
        if cell.method == "sec-triplet":
            weights = load_file(out / "cells" / cell.run_id / "embedder.safetensors")
            test = bench.split(cell).test
            rows_in = np.asarray(bench.features[test.rows], np.float64)
            length = np.linalg.norm(rows_in, axis=1, keepdims=True)
            rows_in *= cell.training["input_length"] / length
            embedded = rows_in @ weights["head.weight"].T + weights["head.bias"]
            recall = oodml.evaluate(embedded, test.labels).metrics["recall_at_1"]
            assert recall == pytest.approx(rows["recall_at_1"], abs=1e-9)


def test_the_same_cell_gives_the_same_numbers_twice(spec_file: Path, tmp_path: Path) -> None:
    one = oodml.run(spec_file, tmp_path / "one", executor="serial")
    two = oodml.run(spec_file, tmp_path / "two", executor="processes", workers=2)
    pd.testing.assert_frame_equal(one, two)
    assert (tmp_path / "one/results.parquet").read_bytes() == (
        tmp_path / "two/results.parquet"
    ).read_bytes()


def test_seeds_matter_and_methods_differ(spec_file: Path, tmp_path: Path) -> None:
    results = oodml.run(spec_file, tmp_path / "out", executor="serial")
    values = results[results["metric"] == "map_at_r"].set_index(["label", "level", "seed"])["value"]
    trained = [label for label in results["label"].unique() if label != "frozen"]
    for label in trained:
        assert values[label, 0, 0] != values[label, 0, 1]
    assert len({values[label, 0, 0] for label in trained}) == len(trained)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_killed_run_continues_to_the_same_table(
    spec_file: Path, tmp_path: Path, sent: signal.Signals, executor: str
) -> None:
    slow = dict(SPEC, training=dict(SPEC["training"], steps=80))
    spec_file.write_text(toml(slow))
    whole = oodml.run(spec_file, tmp_path / "whole", executor="serial")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "oodml", "run", str(spec_file), "--out", str(out)]
    command += ["--executor", executor, "--workers", "2"]
    # a session of its own, so that the signal reaches the workers too, as in a terminal
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # a test run started in the background ignores Ctrl-C, and its children would too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while len(records(out)) < 3:
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < deadline, "no cell was finished"
        time.sleep(0.01)
    os.killpg(process.pid, sent)
    output = process.communicate(timeout=60)[0].decode()
    done = len(records(out))
    assert 3 <= done < len(whole["run_id"].unique()), "it was stopped on the way"
    assert "Traceback" not in output
    if sent == signal.SIGINT:
        assert process.returncode == 130, output
        assert "continues where it stopped" in output
    before = {p: p.stat().st_mtime_ns for p in records(out).values()}
    oodml.run(spec_file, out, executor="serial")
    pd.testing.assert_frame_equal(read_results(out), whole)
    assert all(p.stat().st_mtime_ns == at for p, at in before.items() if p.exists()), "kept as is"


def test_only_missing_cells_are_computed(spec_file: Path, tmp_path: Path) -> None:
    import shutil

    out = tmp_path / "out"
    first = oodml.run(spec_file, out, executor="serial")
    times = {p: p.stat().st_mtime_ns for p in records(out).values()}
    gone = sorted(times)[0]
    shutil.rmtree(gone.parent)
    never = oodml.run(spec_file, out, executor="serial", overwrite="never")
    assert len(never["run_id"].unique()) == len(times) - 1
    again = oodml.run(spec_file, out, executor="serial")
    pd.testing.assert_frame_equal(again, first)
    assert {p: p.stat().st_mtime_ns for p in times if p != gone} == {
        p: t for p, t in times.items() if p != gone
    }
    oodml.run(spec_file, out, executor="serial", overwrite="always")
    assert all(p.stat().st_mtime_ns != t for p, t in times.items())


def test_a_failing_cell_keeps_the_others(spec_file: Path, tmp_path: Path) -> None:
    broken = dict(
        SPEC, methods=[{"name": "frozen"}, {"name": "triplet", "learning_rate_factor": 1e30}]
    )
    spec_file.write_text(toml(broken))
    out = tmp_path / "out"
    with pytest.raises(CellsFailed, match="lower the learning rate"):
        oodml.run(spec_file, out, executor="serial")
    assert set(read_results(out)["label"]) == {"frozen"}
    assert run_command(["run", str(spec_file), "--out", str(out)]) == 1
    assert len(list((out / "failed").glob("*.json"))) == 6


def test_the_run_id_holds_everything_but_what_is_about(spec_file: Path, tmp_path: Path) -> None:
    import dataclasses

    from oodml.runs.plan.cell import ABOUT

    cell = prepare(load_spec(spec_file), tmp_path / "out").cells[-1]
    for field in dataclasses.fields(cell):
        old = getattr(cell, field.name)
        new = "other" if not isinstance(old, int) else old + 1
        other = dataclasses.replace(cell, **{field.name: new})
        assert (other.run_id == cell.run_id) == (field.name in ABOUT), field.name


def test_a_ladder_of_other_data_is_refused(spec_file: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = [f"other-{i // 10}" for i in range(80)]
    ladder = oodml.generate_ladder(
        rng.normal(size=(80, 4)), labels, generator="oodml", levels=2,
        image_ids=[str(i) for i in range(80)],
    )  # fmt: skip
    ladder.save(tmp_path / "ladder")
    spec_file.write_text(toml(dict(SPEC, ladder={"path": "ladder"})))
    with pytest.raises(UsageError, match="is not in data set 'toy'"):
        oodml.run(spec_file, tmp_path / "out")


def test_a_ladder_file_serves_as_well_as_a_generated_one(spec_file: Path, tmp_path: Path) -> None:
    first = oodml.run(spec_file, tmp_path / "out", executor="serial")
    (tmp_path / "out/ladders/toy-oodml-3").rename(tmp_path / "kept")
    spec_file.write_text(toml(dict(SPEC, ladder={"path": "kept"})))
    second = oodml.run(spec_file, tmp_path / "again", executor="serial")
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sedes": [1]}, "unknown key 'sedes'; did you mean 'seeds'"),
        ({"training": {"step": 3}}, "unknown key 'training.step'; did you mean 'steps'"),
        ({"training": {"steps": 0}}, "'training.steps'"),
        ({"training": {"selection": "best-tset"}}, "unknown selection rule"),
        ({"methods": [{"name": "tripplet"}]}, "did you mean triplet"),
        ({"methods": [{"name": "triplet", "marign": 1.0}]}, "did you mean 'margin'"),
        ({"methods": [{"name": "triplet"}, {"name": "triplet"}]}, "stands more than once"),
        ({"methods": []}, "'methods'"),
        ({"seeds": [1, 1]}, "distinct"),
        ({"schema_version": 9}, "this oodml reads 1 and 2"),
        ({"name": "Not a name"}, "'name'"),
        ({"evaluation": {"metrics": []}}, "'evaluation.metrics'"),
        (
            {"evaluation": {"metrics": ["recal_at_1"]}},
            r"file\.toml: evaluation\.metrics: .*did you mean",
        ),
    ],
)
def test_a_wrong_spec_names_the_key(change: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_spec({**SPEC, **change}, "file.toml")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UsageError, match=r"file\.toml: key 'dataset' is missing"):
        parse_spec({k: v for k, v in SPEC.items() if k != "dataset"}, "file.toml")


def test_wrong_specs_end_with_exit_code_2(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec_file.write_text(toml(dict(SPEC, seeds="two")))
    assert run_command(["run", str(spec_file)]) == 2
    assert "seeds" in capsys.readouterr().err
    spec_file.write_text("seeds = [")
    assert run_command(["run", str(spec_file)]) == 2
    assert run_command(["run", str(tmp_path / "gone.toml")]) == 2
    spec_file.write_text(toml(dict(SPEC, dataset="toyy")))
    assert run_command(["run", str(spec_file), "--out", str(tmp_path / "x")]) == 2
    spec_file.write_text(toml(dict(SPEC, levels=[7])))
    assert run_command(["run", str(spec_file), "--out", str(tmp_path / "x")]) == 2
    spec_file.write_text(toml(SPEC))
    assert run_command(["run", str(spec_file), "--executor", "cloud"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_dry_run_computes_nothing(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command(["run", str(spec_file), "--out", str(out), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert len(plan["cells"]) == 21
    assert plan["estimated_seconds"] > 0
    assert not out.exists()
    assert run_command(["run", str(spec_file), "--out", str(out), "--dry-run"]) == 0
    assert "21 cells" in capsys.readouterr().out


def test_status_tells_done_failed_and_open(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command(["status", str(spec_file), "--out", str(out)]) == 1
    assert "nothing has run here yet" in capsys.readouterr().err
    prepare(load_spec(spec_file), out)
    assert run_command(["status", str(spec_file), "--out", str(out), "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state == {
        "cells": 21, "done": 0, "failed": [], "damaged": [], "running": 0, "open": 21,
        "spec_changed": False, "gone": 0, "new": 0, "other_code": {},
    }  # fmt: skip
    oodml.run(spec_file, out, executor="serial")
    assert run_command(["status", str(spec_file), "--out", str(out)]) == 0
    assert "21 done, 0 failed, 0 open" in capsys.readouterr().out


def test_best_val_never_opens_the_test_side(
    spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.training import CachedFeatures

    spec = parse_spec(
        dict(SPEC, training=dict(SPEC["training"], selection="best-val", evaluate_every=5))
    )
    plan, bench, store = opened(spec, tmp_path / "out")
    seen: set[int] = set()
    original = CachedFeatures.training_batch

    def watched(self: CachedFeatures, indices: np.ndarray, seed: int) -> Any:
        seen.update(int(i) for i in indices)
        return original(self, indices, seed)

    monkeypatch.setattr(CachedFeatures, "training_batch", watched)
    cell = next(c for c in plan.cells if c.method == "sec-triplet")
    assert run_cell(cell, bench, store) is None
    assert seen <= set(bench.split(cell).train.rows.tolist()), "train classes only"
    assert store.record(cell.run_id)["kept_step"] % 5 == 0  # type: ignore[index]


def test_results_of_another_schema_are_refused(spec_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    table = oodml.run(spec_file, out, executor="serial")
    table.attrs = {"schema_version": 99}
    table.to_parquet(out / "results.parquet")
    with pytest.raises(IntegrityError, match="results schema 99"):
        read_results(out)
    (out / "results.parquet").write_bytes(b"PAR1")
    with pytest.raises(IntegrityError, match="not a readable"):
        read_results(out)
    with pytest.raises(OodmlError, match="no results yet"):
        read_results(tmp_path / "nowhere")


def test_the_whole_network_can_be_trained(oodml_home: Path, tmp_path: Path) -> None:
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(0)
    for number in range(8):
        folder = tmp_path / "shapes" / f"shape-{number}"
        folder.mkdir(parents=True)
        for copy in range(6):
            image = Image.new("L", (28, 28), 255)
            corner = rng.integers(0, 6, 2)
            box = [
                int(corner[0]),
                int(corner[1]),
                int(corner[0]) + 6 + 2 * number,
                int(corner[1]) + 20,
            ]
            (ImageDraw.Draw(image).ellipse if number % 2 else ImageDraw.Draw(image).rectangle)(
                box, 0
            )
            image.save(folder / f"{copy}.png")
    arguments = ["--kind", "image-folder", "--dir", str(tmp_path / "shapes")]
    assert run_command(["data", "add", "shapes", *arguments]) == 0
    spec = {
        **SPEC,
        "schema_version": 2,
        "dataset": "shapes",
        "seeds": [0],
        "features": {"backbone": "conv4"},
        "ladder": {"levels": 2, "shots": [2], "episodes": 1},
        "training": {
            "mode": "network", "steps": 6, "batch_size": 8, "embedding_dim": 8,
            "backbone_learning_rate": 0.01, "freeze_batch_norm": False,
        },
        "methods": [
            {"name": "frozen"}, {"name": "triplet"},
            {"name": "margin", "training": {"mode": "last-layer"}},
        ],
    }  # fmt: skip
    one = oodml.run(spec, tmp_path / "one", executor="serial")
    two = oodml.run(spec, tmp_path / "two", executor="serial")
    pd.testing.assert_frame_equal(one, two)
    from safetensors.torch import load_file

    from oodml.features.registry import create_backbone

    before = create_backbone("conv4").module.state_dict()

    def moved(method: str) -> list[str]:
        trained = one[one["method"] == method]["run_id"].iloc[0]
        weights = load_file(tmp_path / "one" / "cells" / trained / "embedder.safetensors")
        return [k for k, v in before.items() if not (weights[f"trunk.{k}"] == v).all()]

    assert "0.0.weight" in moved("triplet"), "the backbone was trained"
    assert moved("margin") == [], "the last layer alone was trained, batch norm has not moved"
    heads = [
        load_file(path)["head.weight"]
        for path in (tmp_path / "one" / "cells").glob("*/embedder.safetensors")
    ]
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(heads, 2))


def test_intervals_are_stored_with_their_estimator(spec_file: Path, tmp_path: Path) -> None:
    results = oodml.run(spec_file, tmp_path / "out", executor="serial")
    recall = results[results["metric"] == "recall_at_1"]
    assert (recall["low"] <= recall["value"]).all()
    assert (recall["value"] <= recall["high"]).all()
    assert recall["interval"].str.contains("bootstrap over").all()
    shots = results[results["metric"] == "accuracy_2_shot_nearest"]
    assert len(shots)
    assert shots["interval"].str.contains("t over 2 episodes").all()


def test_metrics_of_the_whole_set_have_a_value_without_an_interval(
    spec_file: Path, tmp_path: Path
) -> None:
    names = ["recall_at_1", "nmi", "nmi_oodml", "norm_mean"]
    evaluation = {**SPEC["evaluation"], "metrics": names}
    spec_file.write_text(toml(dict(SPEC, levels=[0], evaluation=evaluation)))
    out = tmp_path / "out"
    results = oodml.run(spec_file, out, executor="serial")
    assert set(names) < set(results["metric"])
    whole = results[results["metric"].isin(names[1:])]
    assert whole[["low", "high"]].isna().all(axis=None)
    assert whole["interval"].str.startswith("none").all()
    frozen = whole[(whole["label"] == "frozen") & (whole["metric"] == "nmi_oodml")]
    bench = opened(load_spec(spec_file), out)[1]
    level, test = bench.ladder.levels[0], bench.splits("forward", 0)[0].test
    features = np.asarray(bench.features[test.rows])
    classes = len(level.train) + len(level.val)
    again = oodml.evaluate(features, test.labels, ["nmi_oodml"], train_classes=classes)
    assert frozen["value"].tolist() == [again.metrics["nmi_oodml"]]
    assert frozen["n"].tolist() == [len(test)]


def test_a_method_that_raises_keeps_the_others(
    spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.methods.builtin.triplet import Triplet

    def broken(self: Triplet, dims: object) -> None:
        raise ZeroDivisionError("my own bug")

    monkeypatch.setattr(Triplet, "loss", broken)
    spec_file.write_text(toml(dict(SPEC, methods=[{"name": "frozen"}, {"name": "triplet"}])))
    out = tmp_path / "out"
    with pytest.raises(CellsFailed, match="ZeroDivisionError: my own bug"):
        oodml.run(spec_file, out, executor="serial")
    assert set(read_results(out)["label"]) == {"frozen"}
    record = json.loads(next((out / "failed").glob("*.json")).read_text())
    assert "in broken" in record["traceback"]
