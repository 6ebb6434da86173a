"""A spec's mistakes are told with file and key before anything is made: by run and dry run alike."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_specs import toml

from oodml.cli import run_command
from oodml.core.errors import UsageError
from oodml.runs import parse_spec
from oodml.runs.checks import check_before, check_metric, first_metric
from oodml.runs.plan.methods import planned_method
from oodml.runs.plan.sections import MethodEntry
from oodml.training import TrainingSettings

BASE: dict[str, Any] = {
    "schema_version": 2,
    "name": "small",
    "dataset": "toy",
    "features": {"backbone": "identity"},
    "ladder": {"levels": 3, "shots": [2], "episodes": 2},
    "tasks": [{"name": "retrieval"}],
    "methods": [{"name": "frozen"}, {"name": "triplet"}, {"name": "sec-triplet", "eta": 0.1}],
}
NAN, INF, HUGE = float("nan"), float("inf"), 10**23


def _triplet(**values: Any) -> dict[str, Any]:
    return {"methods": [{"name": "frozen"}, {"name": "triplet", **values}]}


def _task(name: str, **values: Any) -> dict[str, Any]:
    return {"tasks": [{"name": name, **values}]}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"seeds": []}, "key 'seeds': expected at least 1"),
    ({"seeds": [True, 2.0]}, "key 'seeds.0': expected a whole number, got True"),
    ({"seeds": ["1"]}, "key 'seeds.0': expected a whole number"),
    ({"seeds": [-1]}, "key 'seeds.0': expected at least 0"),
    ({"seeds": [HUGE]}, "key 'seeds.0': 10+ is too large"),
    ({"seeds": [0, 0]}, "key 'seeds': values must be distinct"),
    ({"seeds": 5}, "key 'seeds': expected a list"),
    ({"levels": []}, "key 'levels': expected at least 1"),
    ({"levels": [0, 7]}, "levels: 7 is not in the ladder, which has levels 0 to 2"),
    ({"levels": [-1]}, "key 'levels.0': expected at least 0"),
    ({"levels": [1, 1]}, "distinct"),
    ({"name": "a/b"}, "key 'name'"),
    ({"name": "x" * 200}, "key 'name': expected at most 100 characters"),
    ({"name": "a\0b"}, "key 'name': text with a null character"),
    ({"schema_version": True}, "schema_version True; this oodml reads 1 and 2"),
    ({"schema_version": 3}, "schema_version 3"),
    ({"schema_version": "2"}, "schema_version '2'"),
    ({"dataset": []}, "key 'dataset'"),
    ({"conditions": []}, "key 'conditions'"),
    ({"conditions": ["forwrd"]}, "conditions: unknown condition 'forwrd'; did you mean forward"),
    ({"training": {"steps": "5"}}, "key 'training.steps': expected a whole number, got '5'"),
    ({"training": {"steps": True}}, "key 'training.steps'"),
    ({"training": {"flip": 1}}, "key 'training.flip': expected true or false"),
    ({"training": {"learning_rate": INF}}, "key 'training.learning_rate': expected a finite number"),
    ({"training": {"learning_rate": NAN}}, "finite"),
    ({"training": {"embedding_dim": 10**8}}, "key 'training.embedding_dim': expected at most 65536"),
    ({"training": {"batch_size": 10**9}}, "key 'training.batch_size': expected at most"),
    ({"training": {"selection": "bestval"}}, "training.selection: unknown .* did you mean best-val"),
    ({"training": {"selection_options": {"name": 1}}}, r"training\.selection_options: .* no option"),
    ({"ladder": {"shots": [-2]}}, "key 'ladder.shots.0': expected at least 1"),
    ({"ladder": {"steps": "5"}}, "key 'ladder.steps': expected a list"),
    ({"ladder": {"steps": ["1"], "generator": "target"}}, "ladder.steps: .* names no steps"),
    ({"ladder": {"seed": -1}}, "key 'ladder.seed'"),
    ({"ladder": {"levels": 0}}, "key 'ladder.levels'"),
    ({"ladder": {"generator": "tarqet"}}, "ladder.generator: unknown .* did you mean target"),
    ({"ladder": [{}, {"generator": "x"}]}, r"ladder\.1\.generator: unknown"),
    ({"ladder": {"options": {"iteratons": 3}}}, r"ladder\.options\.iteratons: .*did you mean"),
    ({"ladder": {"options": {"iterations": "3"}}}, r"ladder\.options\.iterations: .*expected int"),
    ({"ladder": {"options": {"self": 3}}}, r"ladder\.options\.self: .* no option"),
    ({"ladder": {"options": {"seed": 3}}}, r"ladder\.options\.seed: give 'seed' in \[ladder\]"),
    ({"ladder": {"options": {"targets": "10"}}}, r"ladder\.options\.targets: .*expected a list"),
    ({"ladder": {"levels": 4, "targets": [1, 2]}}, "levels is 4, but 2 targets"),
    ({"features": {"backbone": "resnet5"}}, "features.backbone: unknown backbone 'resnet5'"),
    ({"features": {"engine": "onnx"}}, "features.engine: unknown engine .*onnxruntime"),
    ({"features": {"image_size": 0}}, "key 'features.image_size': expected at least 8"),
    (_task("retreival"), r"tasks\.0\.name: unknown task .* did you mean retrieval"),
    (_task("retrieval", metrics=["recal_at_1"]), r"tasks\.0\.metrics: unknown metric"),
    (_task("retrieval", metrics=[["x"]]), r"tasks\.0\.metrics: unknown metric \['x'\]"),
    (_task("retrieval", metric=["x"]), r"tasks\.0\.metric: .* did you mean 'metrics'"),
    (_task("k-shot", shots=[-2]), r"tasks\.0\.shots: expected positive"),
    (_task("k-shot", classifiers=[1]), r"tasks\.0\.classifiers: unknown classifier 1"),
    (_task("verification", fars=["0.1"]), r"tasks\.0\.fars"),
    ({"methods": [{"name": "frozen"}, {"name": "tripplet"}]}, r"methods\.1\.name: unknown method"),
    ({"methods": []}, "key 'methods': expected at least 1"),
    ({"methods": ["triplet"]}, "key 'methods.0': expected a table"),
    ({"methods": [{"name": 3}]}, "key 'methods.0.name': expected text"),
    ({"methods": [{}]}, "key 'methods.0': needs a name"),
    ({"methods": [{"preset": "sec/x"}]}, r"methods\.0\.preset: unknown preset"),
    ({"methods": [{"name": "triplet"}] * 2}, "methods: triplet stands more than once"),
    (_triplet(margn=1.0), r"methods\.1\.margn: .* did you mean 'margin'"),
    (_triplet(margin="1"), r"methods\.1\.margin: .* expected float, got '1'"),
    (_triplet(margin=True), r"methods\.1\.margin: .* expected float, got True"),
    (_triplet(margin=NAN), r"key 'methods\.1\.margin': expected a finite number"),
    (_triplet(images_per_class=HUGE), r"methods\.1\.images_per_class': 10+ is too large"),
    (_triplet(self=1), r"methods\.1\.self: .* no hyper-parameter"),
    (_triplet(training={"step": 3}), r"methods\.1\.training\.step: .* did you mean 'steps'"),
    (_triplet(training={"steps": "3"}), r"methods\.1\.training\.steps: .* a whole number, got '3'"),
    (_triplet(regularizers=[{"sec": {"wght": 1.0}}]), r"methods\.1\.regularizers: .* 'wght'"),
    (_triplet(regularizers=[3]), r"methods\.1\.regularizers"),
    ({"methods": [{"name": "frozen", "training": {"steps": 3}}]}, r"methods\.0\.training: "),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_value_is_told_with_file_and_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=rf"(?s)^S\.toml: .*{message.replace('^', '')}"):
        parse_spec({**copy.deepcopy(BASE), **change}, "S.toml")


HERE: list[tuple[dict[str, Any], str]] = [
    ({"dataset": "toyy"}, "dataset: unknown data set 'toyy'; did you mean toy"),
    ({"dataset": "cub200"}, "dataset: data set 'cub200' is not on this machine yet; add it"),
    ({"dataset": "glyphs"}, "features: backbone 'identity' needs a data set of vectors"),
    ({"features": {"backbone": "tf_efficientnet_lite0"}}, "features: data set 'toy' has vectors"),
    ({"features": {"backbone": "resnet50.nothing"}}, "features: .* timm has no tag 'nothing'"),
    ({"ladder": {"path": "gone"}}, r"ladder\.path: .*gone: no such file"),
    (_task("k-shot", shots=[7]), r"tasks\.0\.shots: the ladder has no 7-shot episodes"),
    ({"methods": [{"name": "s2sd-triplet", "widths": [10**9], "pooled": False}]}, r"methods\.0: .* GiB"),
]  # fmt: skip


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize(("change", "message"), HERE, ids=[message for _, message in HERE])
def test_what_this_machine_lacks_is_told_before_anything_is_made(
    change: dict[str, Any],
    message: str,
    dry: bool,
    vector_data: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    (tmp_path / "S.toml").write_text(toml({**copy.deepcopy(BASE), **change}))
    arguments = ["run", "S.toml", "--out", "out", *(["--dry-run"] if dry else [])]
    code = run_command(arguments)
    error = capsys.readouterr().err
    assert code in (1, 2)
    assert re.search(rf"^oodml: S\.toml: {message}", error), error
    assert not (tmp_path / "out").exists()


def test_numpy_values_of_a_dictionary_are_plain_ones() -> None:
    spec = parse_spec({**BASE, "seeds": np.arange(2), "levels": (np.int64(1),)})
    assert (spec.seeds, spec.levels) == ((0, 1), (1,))
    assert all(type(one) is int for one in (*spec.seeds, *(spec.levels or ())))


def test_a_metric_is_one_that_a_task_of_the_spec_gives() -> None:
    tasks = [
        {"name": "retrieval", "metrics": ["map_at_r"]},
        {"name": "k-shot", "shots": [2]},
        {"name": "few-shot", "shots": [2]},
        {"name": "verification", "fars": [0.1]},
    ]
    spec = parse_spec({**BASE, "tasks": tasks})
    for name in ("map_at_r", "accuracy_2_shot", "accuracy_2_shot_nearest", "verification_auc",
                 "recall_at_1_2_shot_gain", "verification_tar_at_far_0.1"):  # fmt: skip
        check_metric(spec, name)
    for name in ("recall_at_1", "accuracy_3_shot", "map_at_r_2_shot", "verification_tar"):
        with pytest.raises(UsageError, match=f"--metric {name}: no task of the spec gives it"):
            check_metric(spec, name)
    assert first_metric(spec) == "map_at_r"
    assert first_metric(parse_spec(BASE)) == "recall_at_1"


def test_what_metrics_tasks_say_they_give_is_what_they_give(
    vector_data: str, tmp_path: Path
) -> None:
    from oodml.runs import run

    tasks = [
        {"name": "retrieval", "metrics": ["map_at_r"]},
        {"name": "k-shot", "shots": [2], "episodes": 2},
        {"name": "few-shot", "shots": [2], "episodes": 2},
        {"name": "verification", "pairs": 40, "folds": 2, "fars": [0.1]},
        {"name": "probe", "shots": [2], "episodes": 2},
    ]
    methods = [{"name": "frozen"}, {"name": "weight-transfer", "adaptation_steps": 2}]
    changed = {"tasks": tasks, "methods": methods, "seeds": [0], "levels": [0]}
    spec = parse_spec({**BASE, **changed, "training": {"steps": 2, "batch_size": 12}})
    found = run(spec, tmp_path / "out", executor="serial")
    by_name = {task.name: task for task in spec.tasks()}
    for row in found.itertuples():
        assert by_name[row.task].makes(row.metric), (row.task, row.metric)
    given = set(found["metric"])
    for name in ("retrieval", "few-shot", "verification", "probe"):
        assert set(by_name[name].metric_names()) <= given


def test_the_same_spec_is_the_same_plan_as_before() -> None:
    """Strict types read what they read before: the hash of a spec does not move."""
    spec = parse_spec(BASE)
    again = parse_spec(spec.resolved())
    assert again.sha256 == spec.sha256


def test_checks_of_the_machine_come_through_python_too(vector_data: str, tmp_path: Path) -> None:
    import oodml

    with pytest.raises(UsageError, match="device 'foo'"):
        check_before(parse_spec(BASE), tmp_path / "out", device="foo")
    with pytest.raises(UsageError, match="spec: dataset: unknown data set"):
        oodml.run({**BASE, "dataset": "toyy"}, tmp_path / "out", executor="serial")
    assert not (tmp_path / "out").exists()


def test_a_preset_that_lacks_a_value_names_the_preset() -> None:
    entry = MethodEntry(preset="sec/cub200/triplet", name="frozen")
    with pytest.raises(UsageError, match="is of method") as caught:
        planned_method(entry, TrainingSettings())
    assert caught.value.key == "preset"
