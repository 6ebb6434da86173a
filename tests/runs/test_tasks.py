"""Tasks: what each gives, from its definition, and what happens when one fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_specs import SMALL, first_cell, opened, records

import oodml
from oodml.core.errors import UsageError
from oodml.evaluation import episode_accuracy, verification
from oodml.evaluation.metrics import registry as metrics
from oodml.runs import CellsFailed, class_sums, parse_spec
from oodml.runs.plan.split import Items
from oodml.runs.store.status import benchmark_status
from oodml.runs.tasks import TaskContext, base, create_task, list_tasks, register_task, task_class
from oodml.runs.tasks.verification import draw_pairs

FULL = {
    **SMALL,
    "tasks": [
        {"name": "retrieval", "metrics": ["recall_at_1", "map_at_r", "norm_mean"]},
        {"name": "k-shot", "shots": [2], "episodes": 2},
        {"name": "few-shot", "shots": [2], "episodes": 2},
        {"name": "verification", "pairs": 200, "folds": 5, "fars": [0.1]},
        {"name": "probe", "shots": [2], "episodes": 2},
    ],
}


@pytest.fixture
def ran(vector_data: str, tmp_path: Path) -> tuple[pd.DataFrame, Path]:
    out = tmp_path / "out"
    return oodml.run(FULL, out, executor="serial"), out


def context_of(out: Path, **fields: Any) -> TaskContext:
    _, bench, _ = opened(parse_spec(FULL), out)
    cell = first_cell(out, **fields)
    split = bench.split(cell)
    features = np.asarray(bench.features[split.test.rows])
    return TaskContext(cell, split, bench.items, bench.ladder, None, features)


def test_all_tasks_have_their_rows(ran: tuple[pd.DataFrame, Path]) -> None:
    results, out = ran
    assert set(results["task"]) == set(list_tasks())
    cell = results[(results["label"] == "frozen") & (results["level"] == 0)].set_index("metric")
    context = context_of(out, method="frozen", level=0)
    test = context.split.test
    place = {context.items.ids[row]: at for at, row in enumerate(test.rows)}
    supports = [
        [place[i] for name in sorted(drawn) for i in drawn[name]]
        for drawn in context.ladder.episodes(0, 2)
    ]
    linear = episode_accuracy(context.embeddings, test.names, supports, classifier="linear")
    assert cell.loc["accuracy_2_shot_linear", "value"] == linear.mean()
    nearest = episode_accuracy(context.embeddings, test.names, supports)
    ways = {"accuracy_2_shot_linear": linear, "accuracy_2_shot_nearest": nearest}
    for way in ("unit-prototype", "probe"):
        found = episode_accuracy(context.embeddings, test.names, supports, classifier=way)
        ways[f"accuracy_2_shot_{way.replace('-', '_')}"] = found
    for name, found in ways.items():
        assert cell.loc[name, "value"] == pytest.approx(found.mean(), abs=1e-12)
        assert cell.loc[name, "shots"] == 2
    trained = results[results["label"].str.startswith("weight-transfer")]
    decided = set(trained.loc[trained["task"] == "k-shot", "metric"])
    assert decided == {
        "accuracy_2_shot_nearest", "accuracy_2_shot_unit_prototype",
        "accuracy_2_shot_adapted_classifier",
    }, "the probe is for what does not train"  # fmt: skip
    assert cell.loc[["recall_at_1", "verification_auc"], "shots"].isna().all()
    names = {"verification_accuracy", "verification_eer", "verification_tar_at_far_0.1"}
    assert names < set(cell.index)
    assert (cell.loc[sorted(names), "n"] == 200).all()


def test_few_shot_scores_before_and_after(ran: tuple[pd.DataFrame, Path]) -> None:
    results, _ = ran
    rows = results[results["task"] == "few-shot"]
    assert set(rows["label"].str.split(" ").str[0]) == {"weight-transfer"}, "frozen does not adapt"
    for _, cell in rows.groupby("run_id"):
        value = cell.set_index("metric")["value"]
        for metric in ("recall_at_1", "map_at_r"):
            before, after, gain = (
                value[f"{metric}_2_shot_{moment}"] for moment in ("before", "after", "gain")
            )
            assert gain == pytest.approx(after - before, abs=1e-12)
            assert before != after
    assert rows["interval"].str.contains("t over 2 episodes").all()


def test_class_sums_give_the_stored_values(ran: tuple[pd.DataFrame, Path]) -> None:
    results, out = ran
    for metric in ("recall_at_1", "map_at_r"):
        for row in results[results["metric"] == metric].itertuples():
            sums = class_sums(out, row.run_id, metric)
            assert sums is not None
            assert sums.sums.sum() / sums.counts.sum() == pytest.approx(row.value, abs=1e-12)
            assert (sums.counts == 12).all()
            assert list(sums.names) == sorted(sums.names)
    stored = next(out.glob("cells/*/classes.parquet"))
    assert list(pd.read_parquet(stored).columns) == ["class", "count", "recall_at_1", "map_at_r"]
    assert class_sums(out, results["run_id"][0], "norm_mean") is None
    stored.write_bytes(stored.read_bytes()[:50])
    with pytest.raises(oodml.core.errors.IntegrityError, match=str(stored)):
        class_sums(out, stored.parent.name, "map_at_r")


def test_pairs_are_balanced_distinct_and_uniform() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [1, 2, 5, 9]))
    first, second, same = draw_pairs(labels, 60, 3)
    assert len(first) == 60
    assert same.sum() == 30
    assert ((labels[first] == labels[second]) == same).all()
    assert (first != second).all()
    assert (
        len({frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}) == 60
    )
    again = draw_pairs(labels, 60, 3)
    assert all(np.array_equal(a, b) for a, b in zip(again, (first, second, same), strict=True))
    every = draw_pairs(labels, 10_000, 0)
    assert every[2].sum() == 1 + 10 + 36, "all there are, each once"
    assert (~every[2]).sum() == every[2].sum()
    big = np.repeat(np.arange(50), 400)  # pair numbers beyond where a float root is exact to one
    first, second, same = draw_pairs(big, 20_000, 1)
    assert ((big[first] == big[second]) == same).all()
    assert (first != second).all()


def test_verification_is_the_evaluation_rooms(ran: tuple[pd.DataFrame, Path]) -> None:
    results, out = ran
    context = context_of(out, method="frozen", level=1)
    seed = context.cell.shared_seed("verification")
    pairs = draw_pairs(context.split.test.labels, 200, seed)
    report = verification(context.embeddings, *pairs)
    row = results[(results["run_id"] == context.cell.run_id)].set_index("metric")["value"]
    assert row["verification_auc"] == report.auc
    assert row["verification_eer"] == report.eer
    other = first_cell(out, method="weight-transfer", level=1)
    assert other.shared_seed("verification") == seed, "all methods score the same pairs"


def test_a_gallery_is_what_queries_retrieve_from(ran: tuple[pd.DataFrame, Path]) -> None:
    """No data set has one yet, so the split is made up."""
    _, out = ran
    context = context_of(out, method="frozen", level=0)
    test, every = context.split.test, context.embeddings
    halves = [np.arange(len(test)) % 2 == side for side in (0, 1)]
    query, gallery = (
        Items(test.rows[half], test.labels[half], test.class_names) for half in halves
    )
    made_up = replace(
        context,
        split=replace(context.split, test=query, gallery=gallery),
        embeddings=every[halves[0]],
        gallery=every[halves[1]],
    )
    task = create_task("retrieval", metrics=["recall_at_1", "map_at_r"])
    task.check_split(made_up.split, made_up.ladder)
    found = {row["metric"]: row["value"] for row in task.run(made_up).rows}
    unit = every / np.linalg.norm(every, axis=1, keepdims=True)
    nearest = (unit[halves[0]] @ unit[halves[1]].T).argmax(axis=1)
    assert found["recall_at_1"] == np.mean(gallery.labels[nearest] == query.labels)
    whole = create_task("retrieval", metrics=["nmi"])
    with pytest.raises(UsageError, match="has a gallery"):
        whole.check_split(made_up.split, made_up.ladder)


def test_a_task_is_one_class_and_one_that_fails_keeps_the_others(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_class("retrieval")
    monkeypatch.setattr(base._registry, "_entries", dict(base._registry._entries))

    @register_task("mine")
    class Mine(base.Task):
        """Fails until it is mended."""

        broken = True

        def run(self, context: TaskContext) -> base.TaskOutput:
            if self.broken:
                raise ZeroDivisionError("my own bug")
            from oodml.runs.results.row import result_row

            return base.TaskOutput([result_row("mine", 1.0, 1, None)])

    out = tmp_path / "out"
    spec = {**SMALL, "tasks": [{"name": "mine"}, {"name": "retrieval"}]}
    with pytest.raises(CellsFailed, match="incomplete, task mine: ZeroDivisionError: my own bug"):
        oodml.run(spec, out, executor="serial")
    kept = oodml.runs.read_results(out)
    assert set(kept["task"]) == {"retrieval"}
    record = json.loads(next(iter(records(out).values())).read_text())
    assert record["failed_tasks"] == {"mine": "ZeroDivisionError: my own bug"}
    assert "in run" in json.loads(next(out.glob("failed/*.json")).read_text())["traceback"]
    state = benchmark_status(out)
    assert (state["done"], len(state["failed"])) == (0, 4)
    Mine.broken = False
    whole = oodml.run(spec, out, executor="serial")
    assert set(whole["task"]) == {"mine", "retrieval"}
    pd.testing.assert_frame_equal(whole[whole["task"] == "retrieval"].reset_index(drop=True), kept)
    assert benchmark_status(out)["done"] == 4


def test_a_metric_that_fails_keeps_the_others(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics._metrics.names()
    monkeypatch.setattr(metrics._metrics, "_entries", dict(metrics._metrics._entries))
    for name, given in (("a_list", [[1.0]]), ("nan", float("nan"))):
        metrics.register_metric(name, formula="x", source="x")(lambda ranks, given=given: given)
    wanted = ["a_list", "recall_at_1", "nan", "intra_inter_ratio"]
    spec = {**SMALL, "methods": [{"name": "frozen"}]}
    spec["tasks"] = [{"name": "retrieval", "metrics": wanted}]
    with pytest.raises(CellsFailed, match=r"task retrieval: metric 'a_list' gave .*; metric 'nan'"):
        oodml.run(spec, tmp_path / "out", executor="serial")
    kept = oodml.runs.read_results(tmp_path / "out")
    assert set(kept["metric"]) == {"recall_at_1", "intra_inter_ratio"}
    assert len(kept) == 4


def test_a_method_that_names_its_classifier_is_scored_by_it(
    vector_data: str, tmp_path: Path
) -> None:
    methods = [{"name": "prototypical"}, {"name": "triplet"}]
    tasks = [{"name": "k-shot", "shots": [2], "episodes": 2}]
    results = oodml.run(
        {**SMALL, "methods": methods, "tasks": tasks}, tmp_path / "out", executor="serial"
    )
    named = results[results["metric"] == "accuracy_2_shot_prototype"]
    assert set(named["label"]) == {"prototypical"}
