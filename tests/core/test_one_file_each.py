"""Adding a part is one file with one decorator, nothing else touched: CONTRIBUTING's examples, done.

Each stands in a copy of the checkout, in its folder; and in a package of its own, by an entry point.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from contributing import examples, groups, write_metadata, write_package

import oodml
from oodml.core.registry import Registry

HERE = Path(__file__).parent
PACKAGE = Path(oodml.__file__).parent
EXPECTED = {
    "data set": ["black", "grey", "silver", "white"],
    "backbone": [0.0, 0.5, 0.75, 1.0],
    "engine": "inference-mode",
    "layout": ["cat", "dog"],
    "generator": ["one-swap", 2],
    "measure": [["gap"], True],
    "split format": True,
    "batch rule": [0, 1, 2, 6],
    "augmentation": [0, 7, 63],
    "classifier": [0.333],
    "metric": 1.0,
    "metric's unit": "share",
    "metric's example": [0, 2],
    "methods": [True, "norm-gap-triplet"],
    "workers": True,
    "executor": True,
    "condition": [0, 1],
    "selection rule": ["first-score"],
    "table format": "centre-spread\nnorm-gap-triplet\n",
    "task": [True, ["spread"]],
}


def use(place: Path, path: list[Path], package: Path, modules: str) -> dict[str, object]:
    """What a fresh process finds that works in ``place`` with these folders first on its path."""
    done = subprocess.run(
        [sys.executable, str(HERE / "use_examples.py"), str(place), str(package), modules],
        cwd=place,
        env={
            **os.environ,
            "OODML_HOME": str(place / "home"),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def in_a_copy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, copy / "oodml", ignore=shutil.ignore_patterns("__pycache__"))
    for one in examples():
        assert not (copy / one.place).exists()
        assert len(one.code.splitlines()) < 40, one.section
        (copy / one.place).write_text(one.code, encoding="utf-8")
    return use(copy, [copy], copy / "oodml", "oodml.evaluation.metrics")


@pytest.fixture(scope="module")
def in_a_package(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    site = tmp_path_factory.mktemp("site")
    write_package(site)
    write_metadata(site)
    return use(tmp_path_factory.mktemp("user"), [site, PACKAGE.parent], PACKAGE, "their_parts")


@pytest.mark.parametrize("part", list(EXPECTED))
def test_one_file_is_enough(in_a_copy: dict[str, object], part: str) -> None:
    assert in_a_copy[part] == EXPECTED[part]


@pytest.mark.parametrize("part", list(EXPECTED))
def test_one_entry_point_is_enough(in_a_package: dict[str, object], part: str) -> None:
    assert in_a_package[part] == EXPECTED[part]


def test_pip_installs_the_package_of_examples(tmp_path: Path) -> None:
    write_package(tmp_path / "source")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--quiet", "--target", str(site), str(tmp_path / "source")]
    # pretix-fontpack-free, where it is installed, names a build command that does not exist, and so
    # stops setuptools for every package: one that does nothing stands in
    (tmp_path / "pretix_plugin_build").mkdir()
    stand_in = "from setuptools.command.build import build as CustomBuild\n"
    (tmp_path / "pretix_plugin_build" / "build.py").write_text(stand_in)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(site), str(PACKAGE.parent)])
    listed = subprocess.run(
        [sys.executable, "-m", "oodml", "methods", "list"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "centre-spread" in listed.stdout


def test_the_table_of_parts_is_that_of_the_registries() -> None:
    """Each registry has its example, its folder and a group without a space."""
    for module in pkgutil.walk_packages([str(PACKAGE)], "oodml."):
        if module.name != "oodml.__main__":
            importlib.import_module(module.name)
    registries = {
        package.replace(".", "/"): registry.entry_point_group
        for registry in Registry.everyone
        for package in registry._packages
        if package.startswith("oodml.")
    }
    assert groups() == registries
    assert {str(Path(one.place).parent) for one in examples()} == set(registries)
    assert all(" " not in group for group in registries.values())
