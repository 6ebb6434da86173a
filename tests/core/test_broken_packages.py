"""A broken package of somebody else's is named once and passed over; one of oodml's own raises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oodml.core.errors import UsageError
from oodml.core.modules import is_own
from oodml.core.registry import Registry, entries_from_outside

GOOD = """
from oodml.methods import LossMethod, register_method
@register_method("theirs")
class Theirs(LossMethod):
    "Their method."
"""
# package -> (its module's code, what is said of it)
BROKEN = {
    "absent": (None, "ModuleNotFoundError: No module named 'absent'"),
    "needy": ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
    "syntax": ("def (", "SyntaxError: invalid syntax"),
    "leaves": ("import sys; sys.exit(4)", "SystemExit: 4"),
    "unprintable": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "E: (its message cannot be had: ValueError)",
    ),
    "taken": (
        GOOD.replace("theirs", "half") + GOOD.replace("theirs", "triplet"),
        "method 'triplet' is registered already; pick another name",
    ),
    "badname": (GOOD.replace("theirs", "Bad Name"), "'Bad Name'"),
    "wrongtype": (
        'from oodml.methods import register_method\nregister_method("func")(print)',
        "method 'func': expected a class of Method, got a builtin_function_or_method",
    ),
    "nomethod": (
        'from oodml.methods import register_method\nregister_method("cls")(int)',
        "method 'cls': expected a class of Method, got int",
    ),
    "attribute": ("", "AttributeError"),
}


def install(folder: Path, package: str, code: str | None, lines: str) -> None:
    """What pip leaves of a package with entry points."""
    if code is not None:
        (folder / f"{package}.py").write_text(code)
    about = folder / f"{package}-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
    (about / "entry_points.txt").write_text(lines)


def oodml_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-m", "oodml", *arguments],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for name, (code, _) in BROKEN.items():
        what = f"{name}:missing" if name == "attribute" else name
        install(folder, name, code, f"[oodml.methods]\nx = {what}\n")
    install(folder, "good", GOOD, "[oodml.methods]\ngood = good\n")
    return folder


def test_broken_packages_are_named_once_and_passed_over(packages: Path) -> None:
    done = oodml_command(packages, "methods", "list")
    assert done.returncode == 0, done.stderr
    assert "theirs" in done.stdout
    assert "triplet" in done.stdout
    assert "half" not in done.stdout
    for name, (_, reason) in BROKEN.items():
        what = f"{name}:missing" if name == "attribute" else name
        said = f"passed over: {name} 1.5 could not be loaded (entry point 'x = {what}' in group "
        assert done.stderr.count(said + "oodml.methods): ") == 1, done.stderr
        assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_who_asks_for_a_name_is_given_the_reason(packages: Path) -> None:
    done = oodml_command(packages, "methods", "show", "their-missing-one")
    assert done.returncode == 2
    [line] = [one for one in done.stderr.splitlines() if one.startswith("oodml: ")]
    for name, (_, reason) in BROKEN.items():
        assert f"{name} 1.5 could not be loaded" in line
        assert reason in line


def test_an_own_module_that_fails_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_things").mkdir()
    (tmp_path / "own_things" / "__init__.py").touch()
    (tmp_path / "own_things" / "broken.py").write_text("raise ImportError('a bug')")
    monkeypatch.syspath_prepend(tmp_path)
    things: Registry[int] = Registry("thing", packages=("own_things",))
    for _ in range(2):
        with pytest.raises(ImportError, match="a bug"):
            things.names()


def test_entries_from_outside_are_known_by_their_module() -> None:
    things: Registry[object] = Registry("thing", functions=True)
    things.register("here")(len)
    assert entries_from_outside()[__name__] == ["thing 'here'"]
    with pytest.raises(UsageError, match="thing 'no': expected a function, got 3"):
        things.register("no")(3)
    things._forget_outsiders(but=set())
    assert __name__ not in entries_from_outside()
    assert is_own("oodml.methods.builtin.triplet")
    assert not is_own("oodml_more.things")
