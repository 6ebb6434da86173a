"""Specs of schema 2: settings, tasks, training of one method; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_specs import SMALL, SPEC, toml

import oodml
from oodml.cli import run_command
from oodml.core.errors import UsageError
from oodml.core.vectors import VectorTable, write_vectors
from oodml.runs import load_spec, parse_spec
from oodml.runs.plan.outline import outline
from oodml.runs.prepare import prepare


def add_vectors(name: str, folder: Path, classes: int = 10) -> None:
    """A data set whose classes carry its name."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), 8)
    vectors = rng.normal(size=(classes, 6))[labels] + 0.3 * rng.normal(size=(len(labels), 6))
    table = VectorTable(
        tuple(f"{name}-{i}" for i in range(len(labels))),
        vectors.astype(np.float32),
        {"label": tuple(f"{name}-class-{c}" for c in labels)},
    )
    write_vectors(folder / f"{name}.parquet", table)
    path = str(folder / f"{name}.parquet")
    assert run_command(["data", "add", name, "--kind", "vectors", "--table", path]) == 0


def test_settings_are_a_product(vector_data: str, tmp_path: Path) -> None:
    add_vectors("other", tmp_path)
    spec = parse_spec(
        {
            **SMALL,
            "dataset": ["toy", "other"],
            "ladder": [SMALL["ladder"], {"levels": 3, "shots": [2], "episodes": 1}],
            "tasks": [{"name": "retrieval"}],
        }
    )
    plan = prepare(spec, tmp_path / "out")
    names = [(one.dataset, one.ladder) for one in plan.settings]
    assert names == [
        ("toy", "toy-oodml-2"), ("toy", "toy-oodml-3"),
        ("other", "other-oodml-2"), ("other", "other-oodml-3"),
    ]  # fmt: skip
    assert len({one.id for one in plan.settings}) == 4
    assert len(plan.cells) == (2 + 3 + 2 + 3) * 2
    assert len({cell.run_id for cell in plan.cells}) == len(plan.cells)
    assert all((tmp_path / "out" / one.ladder_folder / "ladder.json").is_file()
               for one in plan.settings)  # fmt: skip
    assert outline(spec, tmp_path / "out") == plan.settings


def test_a_ladder_by_path_pairs_with_the_data_it_fits(vector_data: str, tmp_path: Path) -> None:
    add_vectors("other", tmp_path)
    both = {**SMALL, "dataset": ["toy", "other"], "tasks": [{"name": "retrieval"}]}
    made = prepare(parse_spec(both), tmp_path / "made")
    paths = [str(tmp_path / "made" / one.ladder_folder) for one in made.settings]
    spec = parse_spec({**both, "ladder": [{"path": path} for path in paths]})
    outlined = outline(spec, tmp_path / "out")
    plan = prepare(spec, tmp_path / "out")
    assert [(s.dataset, s.ladder_sha256) for s in plan.settings] == [
        (s.dataset, s.ladder_sha256) for s in made.settings
    ]
    assert [(s.dataset, s.ladder) for s in outlined] == [
        (s.dataset, s.ladder) for s in plan.settings
    ]
    assert {c.run_id for c in plan.cells} == {c.run_id for c in made.cells}
    with pytest.raises(UsageError, match="no ladder of the spec fits 'other'"):
        prepare(parse_spec({**both, "ladder": {"path": paths[0]}}), tmp_path / "x")
    with pytest.raises(UsageError, match="is not in data set 'other'"):
        prepare(
            parse_spec({**both, "dataset": "other", "ladder": {"path": paths[0]}}), tmp_path / "x"
        )


def test_one_table_a_setting(vector_data: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "two.toml"
    ladders = [SMALL["ladder"], {**SMALL["ladder"], "levels": 3}]
    path.write_text(toml({**SMALL, "ladder": ladders, "methods": [{"name": "frozen"}],
                          "tasks": [{"name": "retrieval"}]}))  # fmt: skip
    command = ["run", str(path), "--out", str(tmp_path / "out"), "--executor", "serial"]
    assert run_command([*command, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "5 cells" in printed
    assert "toy-oodml-2" in printed
    assert "toy-oodml-3" in printed
    assert run_command([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["tables"]).is_file()
    assert len(found["ladders"]) == 2
    assert all(Path(ladder).is_dir() for ladder in found["ladders"])
    assert len(list((tmp_path / "out" / "tables").glob("*/table.md"))) == 2


def test_training_of_one_method_stands_in_its_label(vector_data: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    methods = [
        {"name": "triplet"},
        {"name": "triplet", "training": {"learning_rate": 0.0001, "steps": 7}},
        {"name": "triplet", "margin": 0.5, "training": {"steps": 7}},
    ]
    path.write_text(toml({**SMALL, "methods": methods, "tasks": [{"name": "retrieval"}]}))
    spec = load_spec(path)
    assert [one.label for one in spec.methods()] == [
        "triplet", "triplet (steps=7, learning_rate=0.0001)", "triplet (margin=0.5, steps=7)",
    ]  # fmt: skip
    results = oodml.run(path, tmp_path / "out", executor="serial")
    changed = results[results["training_changes"] == '{"learning_rate":0.0001,"steps":7}']
    assert set(changed["label"]) == {"triplet (steps=7, learning_rate=0.0001)"}
    assert changed["training"].str.contains('"steps":7').all()
    assert len(results["run_id"].unique()) == 6


def test_a_resolved_spec_is_a_spec_of_the_same_cells(vector_data: str, tmp_path: Path) -> None:
    methods = [*SPEC["methods"], {"name": "triplet", "training": {"steps": 7}}]
    for raw in (SPEC, {**SPEC, "schema_version": 2, "methods": methods}):
        spec = parse_spec(raw)
        again = parse_spec(json.loads(json.dumps(spec.resolved())))
        assert again.sha256 == spec.sha256
        first, second = prepare(spec, tmp_path / "one"), prepare(again, tmp_path / "two")
        assert [c.run_id for c in first.cells] == [c.run_id for c in second.cells]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 1, "conditions": ["forward"]}, "'conditions' needs schema_version = 2"),
        ({"schema_version": 1, "dataset": ["a", "b"]}, "'dataset' needs schema_version = 2"),
        (
            {"schema_version": 1, "methods": [{"name": "triplet", "training": {"steps": 1}}]},
            r"'methods\.training' needs schema_version = 2",
        ),
        ({"evaluation": {}, "tasks": [{"name": "retrieval"}]}, "either .* or their short form"),
        ({"tasks": [{"name": "retreival"}]}, r"tasks\.0\.name: unknown task .* did you mean retrieval"),
        ({"tasks": [{"name": "k-shot", "shot": [1]}]}, r"tasks\.0\.shot: .*did you mean 'shots'"),
        ({"tasks": [{"name": "k-shot", "shots": [0]}]}, r"tasks\.0\.shots: expected positive"),
        ({"tasks": [{"name": "retrieval"}] * 2}, "retrieval stands more than once"),
        ({"conditions": ["revers"]}, "conditions: unknown condition .* did you mean reverse"),
        ({"conditions": ["forward", "forward"]}, "distinct"),
        ({"features": [{"backbone": "identity"}] * 2}, "distinct"),
        ({"features": [{"backbon": "x"}]}, r"'features\.0\.backbon'; did you mean 'backbone'"),
        ({"features": {"backbon": "x"}}, r"'features\.backbon'; did you mean 'backbone'"),
        (
            {"methods": [{"name": "triplet", "training": {"step": 1}}]},
            r"file\.toml: methods\.0\.training\.step: .* did you mean 'steps'",
        ),
        ({"methods": [{"name": "frozen", "training": {"steps": 1}}]}, "does not train"),
        ({"methods": [{"training": {"steps": 1}}]}, "needs a name"),
        ({"methods": [{"preset": "sec/none"}]}, "preset"),
        ({"ladder": {"generator": "tarqet"}}, r"ladder\.generator: unknown .* did you mean target"),
        ({"training": {"selection_options": {"x": 1}}}, "has no option 'x'"),
    ],
)  # fmt: skip
def test_a_wrong_spec_of_schema_2_names_the_key(change: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_spec({**SMALL, **change}, "file.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": [{"name": "k-shot", "shots": [3]}]}, "no 3-shot episodes in|has no 3-shot"),
        ({"tasks": [{"name": "verification", "folds": 5000}]}, "fewer than the 5000 folds"),
        ({"conditions": ["size-matched"], "tasks": [{"name": "retrieval"}]}, "no level of ladder"),
    ],
)
def test_what_a_ladder_cannot_give_is_found_before_training(
    vector_data: str, tmp_path: Path, change: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(parse_spec({**SMALL, **change}), tmp_path / "out")
    assert not (tmp_path / "out" / "plan.json").exists()


def test_presets_and_regularizers_of_a_spec(vector_data: str) -> None:
    given = {
        "schema_version": 2,
        "name": "presets",
        "dataset": vector_data,
        "features": {"backbone": "identity"},
        "methods": [
            {"preset": "sec/cub200/triplet"},
            {"name": "triplet", "regularizers": [{"sec": {"weight": 0.5}}]},
            {"name": "sec-triplet", "sec_weight": 0.25, "training": {"learning_rate": 0.01}},
        ],
    }
    preset, added, named = parse_spec(given).methods()
    assert preset.method.label == "triplet (head_batch_norm=True)"
    assert preset.training.learning_rate == 0.5e-5
    assert "learning_rate=5e-06" in preset.label
    assert added.method == oodml.create_method("sec-triplet", sec_weight=0.5)
    assert added.label == "sec-triplet (sec_weight=0.5)"
    assert named.label == "sec-triplet (sec_weight=0.25, learning_rate=0.01)"
    # what a cell keeps of them is enough to make them again
    for planned in (preset, added, named):
        made = oodml.create_method(planned.method.name, **planned.method.hyper_parameters)
        assert made == planned.method


def test_the_input_length_is_that_of_the_mode(vector_data: str) -> None:
    """A preset that trains the network leaves features at their own length."""
    network = {"name": "triplet", "training": {"mode": "network"}}
    given = {
        "schema_version": 2,
        "name": "modes",
        "dataset": vector_data,
        "methods": [network, {"name": "triplet"}],
    }
    changed, plain = parse_spec(given).methods()
    assert (changed.training.input_length, plain.training.input_length) == (0.0, 10.0)
    given["training"] = {"input_length": 3.0}
    assert parse_spec(given).methods()[0].training.input_length == 3.0


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"name": "simclr"}, "needs views"),
        ({"name": "uniform-prior-triplet"}, "needs a backbone that is trained"),
        ({"name": "s2sd-triplet"}, "needs feature maps"),
        ({"name": "uniform-prior"}, "needs a backbone that is trained"),
        ({"preset": "sec/cub200/triplt"}, "did you mean sec/cub200/triplet"),
        ({"preset": "sec/cub200/triplet", "name": "frozen"}, "is of method 'triplet'"),
        ({"name": "triplet", "regularizers": [{"sek": {}}]}, "did you mean sec"),
    ],
)
def test_methods_that_cannot_be_trained_so_are_named(method: dict, message: str) -> None:
    given = {"schema_version": 2, "name": "x", "dataset": "glyphs", "methods": [method]}
    with pytest.raises(UsageError, match=message):
        parse_spec(given)
