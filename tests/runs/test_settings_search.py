"""Settings chosen on validation classes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from small_specs import SMALL, toml

import oodml
from oodml.cli import run_command
from oodml.core.errors import UsageError
from oodml.runs import parse_spec, read_results
from oodml.runs.search import as_toml, search

SPEC = {
    **SMALL,
    "methods": [
        {"name": "frozen"},
        {"name": "triplet"},
        {"name": "multi-similarity", "training": {"steps": 5}},
    ],
}


def test_the_best_value_on_validation_classes_is_chosen(vector_data: str, tmp_path: Path) -> None:
    grid = {"learning_rate": [1e-9, 1e-2, 1.0], "margin": [0.2, 0.5]}
    choices = search(SPEC, tmp_path / "out", grid, executor="serial")
    assert [one.method for one in choices] == ["triplet", "multi-similarity (steps=5)"]
    triplet, similarity = choices
    assert len(triplet.scores) == 6
    assert len(similarity.scores) == 3, "it has no margin"
    assert set(similarity.values) == {"learning_rate"}
    for choice in choices:
        assert choice.score == max(score for _, score in choice.scores)
    rows = read_results(tmp_path / "out")
    assert set(rows["condition"]) == {"validation"}
    # by hand: train on the train classes, score on the val classes, mean over levels
    values = triplet.values
    again = {
        **SMALL,
        "conditions": ["validation"],
        "tasks": [{"name": "retrieval", "metrics": ["map_at_r"]}],
        "methods": [
            {
                "name": "triplet",
                "margin": values["margin"],
                "training": {"learning_rate": values["learning_rate"]},
            }
        ],
    }
    mean = oodml.run(again, tmp_path / "again", executor="serial")["value"].mean()
    assert triplet.score == pytest.approx(mean, abs=1e-12)


def test_ends_of_the_grid_are_told(vector_data: str, tmp_path: Path) -> None:
    grid = {"steps": [1, 10, 40]}
    (triplet, _) = search(SPEC, tmp_path / "out", grid, executor="serial")
    assert (triplet.at_edge == ("steps",)) == (triplet.values["steps"] in (1, 40))


def test_the_command_writes_lines_for_a_spec(
    vector_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(toml(SPEC))
    command = ["search", str(path), "--grid", "learning_rate=0.001,0.01", "--executor", "serial"]
    assert run_command([*command, "--out", str(tmp_path / "out")]) == 0
    assert "validation classes" in capsys.readouterr().out
    text = (tmp_path / "out" / "chosen.toml").read_text()
    parts = [part for part in text.split("#") if part.strip()]
    assert len(parts) == 2
    chosen = tomllib.loads(parts[0].split("\n", 1)[1])
    assert chosen["training"]["learning_rate"] in (0.001, 0.01)
    methods = [{"name": "triplet", **chosen}]
    assert parse_spec({**SMALL, "methods": methods}).methods()[0].method.name == "triplet"


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"learning_rat": [1.0]}, "did you mean learning_rate"),
        ({"margin": [-1.0]}, "at least 0"),
        ({"steps": [0]}, "steps"),
    ],
)
def test_a_wrong_grid_is_named_before_training(
    vector_data: str, tmp_path: Path, grid: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        search(SPEC, tmp_path / "out", grid)
    assert not (tmp_path / "out").exists()


def test_there_must_be_something_to_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no method that trains"):
        search({**SPEC, "methods": [{"name": "frozen"}]}, tmp_path / "out")


def test_lines_of_hyper_parameters_stand_beside_training() -> None:
    from oodml.runs.search import Choice

    text = as_toml([Choice("triplet", {"margin": 0.2, "steps": 5}, 0.5, [], ())])
    assert tomllib.loads(text) == {"margin": 0.2, "training": {"steps": 5}}
