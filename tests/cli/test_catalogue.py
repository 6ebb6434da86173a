"""What there is to choose from: lists and shows of every kind, third-party entries included."""

from __future__ import annotations

import json

import pytest

from oodml.cli import run_command
from oodml.cli.catalogue import Entry
from oodml.core.parameters import Parameter
from oodml.features import Backbone
from oodml.features.registry import _registry as backbones
from oodml.shift import GENERATORS
from oodml.shift.generators import Generator

NOUNS = {
    "backbones": "conv4",
    "generators": "steepest",
    "measures": "energy",
    "rules": "best-val",
    "tasks": "k-shot",
    "conditions": "reverse",
}


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command(list(arguments)) == 0, arguments
    return capsys.readouterr().out


@pytest.mark.parametrize(("noun", "name"), NOUNS.items())
def test_lists_and_shows(noun: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(output(capsys, noun, "list", "--json"))
    entries = listed if name in listed else listed["selection"]
    assert entries[name]["summary"]
    shown = json.loads(output(capsys, noun, "show", name, "--json"))
    assert shown == {"name": name, **entries[name]}
    assert name in output(capsys, noun, "show", name)
    assert run_command([noun, "show", name[:-1]]) == 2
    assert f"did you mean {name}" in capsys.readouterr().err


@pytest.mark.parametrize("noun", [*NOUNS, "methods", "metrics", "benchmarks", "split"])
def test_tables_fit_80_columns(
    noun: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = output(capsys, noun, "list")
    assert max(map(len, text.splitlines())) <= 80
    if noun in NOUNS:
        assert NOUNS[noun] in text  # names are not cut


def test_options_have_defaults_and_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(output(capsys, "generators", "list", "--json"))
    for name, generator in GENERATORS.items():
        options = found[name]["options"]
        assert {k: o["default"] for k, o in options.items()} == generator().parameters
        assert all(one["description"] for one in options.values())
    rules = json.loads(output(capsys, "rules", "list", "--json"))
    assert set(rules) == {"selection", "batch", "augmentation"}
    assert rules["selection"]["best-val"]["options"]["patience"]["default"] is None
    assert "m-per-class" in rules["batch"]
    shown = output(capsys, "generators", "show", "target")
    assert "annealing_temperature" in shown
    assert "min_gain" in shown


@pytest.fixture
def third_party() -> object:
    """A generator and two backbones of somebody else, one of which cannot be made."""

    class Mine(Generator):
        """Mine [is] bracketed."""

        breadth = Parameter(3, "how [broad] it is")

        def search(self, problem):  # type: ignore[no-untyped-def]
            return []

    def broken() -> Backbone:
        raise RuntimeError("no [weights] here")

    GENERATORS.register_class("mine")(Mine)
    backbones.register("broken")(broken)
    yield
    del GENERATORS._entries["mine"], backbones._entries["broken"]


def test_third_party_entries_are_listed(
    third_party: object, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(capsys, "generators", "list")
    assert "Mine [is] bracketed." in text
    assert "how [broad] it is" in text
    assert "cannot be made" in output(capsys, "backbones", "list")
    listed = json.loads(output(capsys, "backbones", "list", "--json"))
    assert listed["broken"]["summary"] == "cannot be made: RuntimeError: no [weights] here"
    assert listed["conv4"]["dim"] == 128
    assert "RuntimeError: no [weights] here" in output(capsys, "backbones", "show", "broken")


def test_a_class_without_docstring_does_not_show_its_base() -> None:
    class Bare(Generator):
        def search(self, problem):  # type: ignore[no-untyped-def]
            return []

    assert Entry.of(Bare).summary == ""


def test_a_fitted_method_shows_its_own_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(output(capsys, "methods", "show", "whitening", "--json"))
    assert set(shown["hyper_parameters"]) == {"shrinkage"}


def test_help_groups_the_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = output(capsys, "--help")
    first = [line.strip("│ ").split(" ")[0] for line in text.splitlines()]
    ordered = [one for one in first if one in ("run", "status", "table", "eval", "data", "methods")]
    assert ordered == ["run", "status", "table", "eval", "data", "methods"]
    assert {*NOUNS, "features", "benchmarks", "split", "metrics", "embed"} <= set(first)
