"""The examples in docstrings are run: they are documentation that cannot go stale."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import oodml

_ROOT = Path(oodml.__file__).parent


def _with_examples() -> list[str]:
    names = []
    for path in sorted(_ROOT.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(_ROOT.parent).with_suffix("").parts
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def test_the_main_entry_points_have_examples() -> None:
    assert {"oodml.shift.generate", "oodml.shift.distance.frechet"} <= set(_with_examples())


@pytest.mark.parametrize("name", _with_examples())
def test_examples_give_what_they_show(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "oodml":
            raise
        pytest.skip(f"{name} needs an optional extra: no module {error.name!r}")
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0, "examples that doctest does not see"
    assert found.failed == 0
