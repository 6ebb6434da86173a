"""What oodml installs leaves the rest of the user's environment as it was."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
BUILDERS = {"setuptools", "wheel"}  # whose commands they are


def hard_requirements() -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return [Requirement(line) for line in setup["options"]["install_requires"].split("\n") if line]


def installed_with(requirements: list[Requirement]) -> dict[str, list[str]]:
    """Every installed package that they pull in -> the groups of its entry points."""
    groups: dict[str, list[str]] = {}
    waiting = list(requirements)
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in groups or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            found = distribution(wanted.name)
        except PackageNotFoundError:  # for another platform
            continue
        groups[name] = [point.group for point in found.entry_points]
        waiting += [Requirement(line) for line in found.requires or ()]
    return groups


def test_no_dependency_changes_how_other_packages_are_built() -> None:
    groups = installed_with(hard_requirements())
    assert {"torch", "numpy", "timm", "pillow"} <= set(groups)
    meddling = {
        name: found
        for name, found in groups.items()
        if name not in BUILDERS and any(g.startswith(("distutils.", "setuptools.")) for g in found)
    }
    assert meddling == {}
