"""Adaptation as tasks of a grid: k-shot and few-shot, on made-up vectors and on Isolet."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from small_specs import SMALL, first_cell, opened

import oodml
from oodml.core.errors import UsageError
from oodml.core.vectors import VectorTable, write_vectors
from oodml.methods import create_method
from oodml.runs import parse_spec
from oodml.runs.embedder import load_embedder
from oodml.runs.plan.grid import grid
from oodml.runs.tasks import TaskContext, create_task
from oodml.runs.tasks.episodes import split_episodes

SCRATCH = {
    "mode": "network",
    "initialisation": "xavier",
    "freeze_batch_norm": False,
    "learning_rate": 1e-3,
    "backbone_learning_rate": 1e-3,
    "weight_decay": 0.0,
}


def test_few_shot_adapts_every_trained_method_as_in_oodml(vector_data: str, tmp_path: Path) -> None:
    tasks = [
        {"name": "few-shot", "shots": [2], "episodes": 2, "adapt_by": "oodml", "steps": 20},
        {"name": "retrieval", "metrics": ["recall_at_1"]},
    ]
    methods = [{"name": "frozen"}, {"name": "triplet"}, {"name": "prototypical"}]
    spec = {**SMALL, "methods": methods, "tasks": tasks}
    results = oodml.run(spec, tmp_path / "out", executor="serial")
    rows = results[results["task"] == "few-shot"]
    assert set(rows["label"]) == {"triplet", "prototypical"}, "frozen features have no last layer"
    assert len(rows) == 2 * 2 * 9
    assert (rows["n"] == 2).all()
    for _, cell in rows.groupby("run_id"):
        value = cell.set_index("metric")["value"]
        for metric in ("recall_at_1", "map_at_r", "map_at_1000_oodml"):
            before, after, gain = (
                value[f"{metric}_2_shot_{m}"] for m in ("before", "after", "gain")
            )
            assert gain == pytest.approx(after - before, abs=1e-12)
    assert (rows.loc[rows["metric"] == "map_at_r_2_shot_gain", "value"] != 0).all()


def test_few_shot_by_the_method_leaves_out_what_does_not_adapt() -> None:
    task = create_task("few-shot")
    assert task.adaptation_of(create_method("triplet"), 2) is None
    found = create_task("few-shot", adapt_by="oodml", trains="all", steps=7).adaptation_of(
        create_method("triplet"), 2
    )
    assert found is not None
    assert (found.steps, found.trains) == (7, "all")
    none = create_task("few-shot", adapt_by="oodml").adaptation_of(create_method("frozen"), 2)
    assert none is None


def context_of(spec: dict[str, Any], out: Path) -> TaskContext:
    _, bench, _ = opened(parse_spec(spec), out)
    cell = first_cell(out, method="frozen", level=0)
    split = bench.split(cell)
    features = np.asarray(bench.features[split.test.rows])
    return TaskContext(cell, split, bench.items, bench.ladder, None, features)


def test_ways_keep_some_classes_the_same_for_all(vector_data: str, tmp_path: Path) -> None:
    spec = {**SMALL, "tasks": [{"name": "k-shot", "shots": [2], "ways": 3, "episodes": 2}]}
    context = context_of(spec, tmp_path / "out")
    whole, some = (split_episodes(context, 2, 2, ways) for ways in (0, 3))
    for one, few in zip(whole, some, strict=True):
        assert set(few.support) < set(one.support), "the same images, of fewer classes"
        assert sorted(set(few.support_labels.tolist())) == [0, 1, 2]
        assert set(few.query_labels.tolist()) == {0, 1, 2}
        inside = np.isin(context.split.test.labels, context.split.test.labels[few.support])
        assert set(few.query) == set(np.flatnonzero(inside)) - set(few.support)
    assert set(some[0].support) != set(some[1].support)
    with pytest.raises(UsageError, match="at least 2 classes"):
        create_task("k-shot", ways=1).check()


def test_one_shot_scores_the_unadapted_embedding(vector_data: str, tmp_path: Path) -> None:
    spec = {
        **SMALL,
        "ladder": {"levels": 2, "shots": [1, 2], "episodes": 2},
        "tasks": [{"name": "k-shot", "shots": [1, 2], "episodes": 2}],
        "methods": [{"name": "adapted-prototypical", "adaptation_steps": 20}],
    }
    results = oodml.run(spec, tmp_path / "out", executor="serial")
    names = set(results["metric"])
    assert {"accuracy_1_shot_prototype", "accuracy_2_shot_adapted_prototype"} <= names
    assert not {"accuracy_1_shot_adapted_prototype", "accuracy_2_shot_prototype"} & names


def test_carried_moments_survive_conditions_that_share_a_training(
    vector_data: str, tmp_path: Path
) -> None:
    methods = [
        {"name": "adapted-histogram", "carry_moments": carried, "adaptation_steps": 5}
        for carried in (True, False)
    ]
    spec = {
        **SMALL,
        "conditions": ["forward", "held-out"],
        "tasks": [{"name": "k-shot", "shots": [2], "episodes": 2}],
        "methods": methods,
    }
    results = oodml.run(spec, tmp_path / "out", executor="serial")
    rows = results[results["metric"] == "accuracy_2_shot_adapted_nearest"]
    assert set(rows["condition"]) == {"forward", "held-out"}
    assert len(rows) == 2 * 2 * 2


def isolet(shared: Path, folder: Path) -> None:
    """Adds Isolet's rows, a tenth of them, as the data set "isolet"."""
    from oodml.cli import run_command

    archive = shared / "isolet_7797.tgz"
    if not archive.is_file():
        pytest.skip(f"no Isolet at {archive}")
    with tarfile.open(archive) as tar:
        inside = tar.extractfile("isolet/isolet5.data")
        assert inside is not None
        rows = np.loadtxt(inside, delimiter=",", dtype=np.float32)
    letters = tuple(chr(96 + int(number)) for number in rows[:, -1])
    ids = tuple(f"row-{place:04d}" for place in range(len(rows)))
    table = VectorTable(ids, rows[:, :-1], {"label": letters})
    write_vectors(folder / "isolet.parquet", table)
    path = str(folder / "isolet.parquet")
    assert run_command(["data", "add", "isolet", "--kind", "vectors", "--table", path]) == 0


def test_isolet_is_learned_and_adapted_embeddings_lead(
    shared_data: Path, oodml_home: Path, tmp_path: Path
) -> None:
    """Five unseen letters, five shots, scaled: chance is 20 %."""
    isolet(shared_data, tmp_path)
    rates = {"classifier_learning_rate_factor": 1.0}
    spec = {
        "schema_version": 2,
        "name": "isolet-small",
        "dataset": "isolet",
        "seeds": [0, 1],
        "features": {"backbone": "adapted-isolet"},
        "ladder": {"levels": 1, "start": "halves", "shots": [5], "episodes": 5},
        "training": {**SCRATCH, "steps": 60, "batch_size": 260, "embedding_dim": 64},
        "tasks": [
            {"name": "k-shot", "shots": [5], "ways": 5, "episodes": 5, "classifiers": ["nearest"],
             "probe": "none"},
        ],
        "methods": [
            {"name": "baseline", **rates},
            {"name": "weight-transfer", **rates, "adaptation_learning_rate_factor": 1.0,
             "training": {"batch_rule": "balanced"}},
            {"name": "adapted-histogram", "training": {"batch_rule": "balanced"}},
            {"name": "adapted-prototypical", "support": 5, "query": 10, "classes": 5},
        ],
    }  # fmt: skip
    results = oodml.run(spec, tmp_path / "out", executor="serial")
    rows = results[results["metric"].str.startswith("accuracy_5_shot_adapted")]
    found = rows.groupby(rows["label"].str.split(" ").str[0])["value"].mean()
    assert set(found.index) == {
        "baseline", "weight-transfer", "adapted-histogram", "adapted-prototypical"
    }  # fmt: skip
    assert (found > 0.5).all(), "all learn"
    assert found["adapted-histogram"] > found["weight-transfer"]
    assert found["adapted-prototypical"] > found["weight-transfer"]
    _seeds_differ_in_initial_weights(results)
    _the_cell_embeds_new_vectors(tmp_path / "out", results)


def _the_cell_embeds_new_vectors(out: Path, results: pd.DataFrame) -> None:
    label = results["label"].str.startswith("weight-transfer")
    run_id = results.loc[label, "run_id"].iloc[0]
    rows = np.random.default_rng(0).normal(size=(7, 617)).astype(np.float32)
    found = load_embedder(out, run_id)(rows)
    weights = load_file(next(out.glob(f"cells/{run_id}*/embedder.safetensors")))
    hidden = np.maximum(rows @ weights["trunk.0.weight"].T + weights["trunk.0.bias"], 0)
    expected = hidden @ weights["head.weight"].T + weights["head.bias"]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with pytest.raises(UsageError, match="617"):
        load_embedder(out, run_id)(rows[:, :5])


def _seeds_differ_in_initial_weights(results: pd.DataFrame) -> None:
    untrained = results[
        results["label"].str.startswith("baseline")
        & (results["metric"] == "accuracy_5_shot_nearest")
    ]
    assert untrained["value"].nunique() == 2


def test_a_benchmark_of_vectors_can_be_planned_in_mode_network() -> None:
    spec = parse_spec({**SMALL, "training": {**SCRATCH, "steps": 2}})
    assert grid(spec, []) == []
