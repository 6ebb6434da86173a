"""``oodml methods list|show``: for people at 80 columns, for programs as JSON, and as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import oodml
from oodml.cli import run_command
from oodml.methods import create_method, list_wrappers
from oodml.methods.describe import FAMILIES, methods_by_family
from oodml.methods.presets import list_presets

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    assert run_command(list(command)) == 0
    return capsys.readouterr().out


def test_every_method_and_combination_is_listed_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "methods", "list")
    assert max(map(len, text.splitlines())) <= 80
    words = re.findall(r"[a-z0-9-]+-?", text.split("wrappers, before")[0])
    titles = [line.strip() for line in text.splitlines() if line.strip() in FAMILIES]
    assert titles == list(FAMILIES)
    listed = [one for group in methods_by_family().values() for one in group]
    names = [name for one in listed for name in (one.name, *one.combinations)]
    assert sorted(names) == oodml.list_methods()
    for name in names:
        assert name in words
    for wrapper in list_wrappers():
        assert f" {wrapper}- " in text


def test_no_built_in_method_is_without_a_family() -> None:
    for name in oodml.list_methods():
        assert create_method(name).family in FAMILIES, name


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "methods", "list", "--json"))
    assert list(found) == oodml.list_methods()
    assert found["sec-triplet"]["around"] == "triplet"
    assert found["triplet"]["around"] is None
    assert found["sec-triplet"]["family"] == "pairs and triplets"


@pytest.mark.parametrize("name", oodml.list_methods())
def test_every_method_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "methods", "show", name)
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(printed(capsys, "methods", "show", name, "--json"))
    flat = "".join(text.split())
    for formula in found["formulas"]:
        assert "".join(formula.split()) in flat
    assert "".join(found["source"].split()) in flat
    for key, one in found["hyper_parameters"].items():
        assert f"{key} = {json.dumps(one['default'])}" in " ".join(text.split())
    for preset in found["presets"]:
        assert preset in text
    assert bool(found["batches"]) == create_method(name).trains


def test_what_is_said_of_a_method(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "methods", "show", "sec-triplet", "--json"))
    assert found["batches"].startswith("m-per-class (images_per_class=3")
    assert found["hyper_parameters"]["sec_momentum"]["maximum"] == 1.0
    assert "sec/cub200/sec-triplet" in found["presets"]
    text = printed(capsys, "methods", "show", "sec-triplet")
    assert "sec_weight = 1.0   at least 0; search 0.01 to 10, log" in text
    needs = json.loads(printed(capsys, "methods", "show", "simclr", "--json"))["needs"]
    assert needs == ["several views of an image (training.mode network)"]
    code = json.loads(printed(capsys, "methods", "show", "proxy-anchor", "--json"))["code"]
    assert code == "pytorch-metric-learning"
    support = json.loads(printed(capsys, "methods", "show", "weight-transfer", "--json"))
    assert support["adaptation"].startswith("all weights, at most ")


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "methods", "show", name)
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(printed(capsys, "methods", "show", name, "--json"))
    for key, one in {**found["hyper_parameters"], **found["training"]}.items():
        assert key in text
        assert one["certainty"] in text
    assert " ".join(found["note"].split()) in " ".join(text.split())


def test_a_preset_of_a_file_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[mine]\nmethod = "triplet"\nfound_by = { command = "oodml search x" }\n'
        '[mine.hyper_parameters]\nmargin = { value = 0.3, certainty = "searched", source = "x" }\n'
    )
    text = printed(capsys, "methods", "show", f"{path}#mine")
    assert "command: oodml search x" in text
    assert "searched: chosen on validation classes" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tripplet", "did you mean triplet"),
        ("sec/cub200/tripplet", "did you mean sec/cub200/tripl"),
    ],
)
def test_unknown_names_are_told(
    name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["methods", "show", name]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_the_page_is_what_the_registry_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(capsys, "methods", "list", "--markdown")
    there = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert there == page, "run: oodml methods list --markdown > docs/methods.md"
    for name in oodml.list_methods():
        assert f"`{name}`" in page
    for row in (line for line in page.splitlines() if line.startswith("| [")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 5, row
