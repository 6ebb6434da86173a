"""Benchmarks by name: the specs inside the package, and that a wheel has them."""

from __future__ import annotations

import configparser
import json
import tomllib
from pathlib import Path

import pytest
from small_specs import SPEC, toml

import oodml
from oodml.cli import run_command
from oodml.core.errors import UsageError
from oodml.runs import load_spec
from oodml.runs.plan.packaged import find_spec, packaged_specs

PACKAGE = Path(oodml.__file__).parent
ROOT = Path(__file__).resolve().parents[2]


def test_every_file_of_the_package_goes_into_the_wheel() -> None:
    """All that is not Python must stand in package_data, or an installed oodml lacks it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["oodml"].split()
    covered = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    files = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
    }
    assert {PACKAGE / "benchmarks" / "demo.toml", PACKAGE / "py.typed"} <= files
    assert files - covered == set()
    # a module in a folder without __init__.py would not be found as a package
    lost = {path.parent for path in PACKAGE.rglob("*.py")} - {
        path.parent for path in PACKAGE.rglob("__init__.py")
    }
    assert lost == set()


@pytest.mark.parametrize("name", sorted(packaged_specs()))
def test_every_spec_is_whole_and_described(name: str) -> None:
    spec = load_spec(name)
    assert spec.name == name
    assert spec.description
    assert spec.methods()


def test_a_file_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_spec("demo").datasets == ("glyphs",)
    (tmp_path / "demo").mkdir()  # a folder is no spec
    assert load_spec("demo").datasets == ("glyphs",)
    (tmp_path / "demo").rmdir()
    (tmp_path / "demo").write_text(toml(SPEC))
    assert load_spec("demo").datasets == ("toy",)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("dmeo", "no such file, nor a benchmark of oodml; did you mean demo?"),
        ("benchmarks/demo.toml", "did you mean demo"),
        ("zzz", "known: adapted-isolet, adapted-omniglot, caltech101, cub200"),
        (".", "a folder, expected a regular file, nor"),
    ],
)
def test_unknown_names_are_told(given: str, text: str) -> None:
    with pytest.raises(UsageError, match="oodml benchmarks list") as caught:
        find_spec(given)
    assert text in str(caught.value)


def test_commands_take_names(
    oodml_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From an empty folder: plan, status, list and show; nothing of a checkout is needed."""
    monkeypatch.chdir(tmp_path)
    assert run_command(["run", "demo", "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["folder"] == "runs/demo"
    assert len(planned["cells"]) == 4 * (2 + 7 * 2)
    assert run_command(["status", "demo"]) == 1
    assert "`oodml run demo` starts it" in capsys.readouterr().err
    for command in ("run", "status", "search"):
        assert run_command([command, "dmeo"]) == 2
        assert "did you mean demo?" in capsys.readouterr().err
    assert run_command(["benchmarks", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed) == set(packaged_specs())
    assert listed["demo"]["data"] == {"glyphs": "built in"}
    assert "oodml data add cub200" in listed["cub200"]["data"]["cub200"]
    assert run_command(["benchmarks", "list"]) == 0
    assert "omniglot" in capsys.readouterr().out
    assert run_command(["benchmarks", "show", "demo"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["name"] == "demo"
    assert run_command(["benchmarks", "show", "dem"]) == 2
    assert list(tmp_path.glob("runs/*")) == []


def test_python_takes_names(vector_data: str, tmp_path: Path, monkeypatch) -> None:
    from oodml.runs.plan import packaged

    (tmp_path / "specs").mkdir()
    small = {**SPEC, "methods": [{"name": "frozen"}], "levels": [0]}
    (tmp_path / "specs" / "quick.toml").write_text(toml(small))
    monkeypatch.setattr(packaged, "_FOLDER", tmp_path / "specs")
    results = oodml.run("quick", tmp_path / "out", executor="serial")
    assert set(results["label"]) == {"frozen"}


@pytest.mark.parametrize(
    ("ladder", "levels"),
    [
        ({"targets": [1, 2, 3]}, 3),
        ({"options": {"targets": [1, 2]}}, 2),
        ({"levels": 2, "targets": [1, 2]}, 2),
        ({"steps": ["-2", "0", "4"]}, 3),
        ({}, 4),
    ],
)
def test_levels_follow_from_targets_and_steps(ladder: dict, levels: int) -> None:
    from oodml.runs import parse_spec

    spec = parse_spec({**SPEC, "ladder": ladder})
    assert spec.ladders[0].level_count == spec.ladders[0].levels == levels
    again = parse_spec(json.loads(json.dumps(spec.resolved())))
    assert again.ladders == spec.ladders
    assert again.sha256 == spec.sha256


@pytest.mark.parametrize(
    ("ladder", "text"),
    [
        ({"levels": 4, "targets": [1, 2]}, "levels is 4, but 2 targets are given"),
        ({"levels": 4, "steps": ["0", "4"]}, "levels is 4, but 2 steps are given"),
        ({"targets": [1], "options": {"targets": [1]}}, "targets stand twice"),
    ],
)
def test_levels_that_contradict_are_refused(ladder: dict, text: str) -> None:
    from oodml.runs import parse_spec

    with pytest.raises(UsageError, match=text):
        parse_spec({**SPEC, "ladder": ladder})
