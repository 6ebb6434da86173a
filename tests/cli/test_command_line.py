from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import oodml
from oodml.cli import run_command

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ["core", "datasets", "features", "shift", "methods", "training", "evaluation", "runs",
         "reports", "cli"]  # fmt: skip


def test_imports_go_one_way() -> None:
    """A room may import itself and earlier ones, at any depth of a file."""
    wrong = []
    for path in sorted((ROOT / "oodml").rglob("*.py")):
        room = path.relative_to(ROOT / "oodml").parts[0]
        if room not in ROOMS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                parts = name.split(".")
                known = parts[0] == "oodml" and len(parts) > 1 and parts[1] in ROOMS
                if known and ROOMS.index(parts[1]) > ROOMS.index(room):
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_public_names_can_be_imported() -> None:
    for name in oodml.__all__:
        assert getattr(oodml, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = oodml.nothing


def test_help_is_quick_to_load() -> None:
    """No heavy import is needed to print help."""
    code = (
        "import sys\nfrom oodml.cli import run_command\nrun_command(['--help'])\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'timm'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_python_dash_m(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "oodml", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"oodml {oodml.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run"], ["run", "x.toml", "--bogus"], ["methods", "show", "tripplet"],
     ["split", "bogus"], ["data", "show", "no-such-data"], ["run", "gone.toml"]],
)  # fmt: skip
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_methods_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["methods", "list", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(oodml.list_methods())
    assert run_command(["methods", "show", "sec-triplet", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["hyper_parameters"]["sec_weight"]["default"] == 1.0
    assert run_command(["methods", "show", "triplet"]) == 0
    assert "margin" in capsys.readouterr().out
