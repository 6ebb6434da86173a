"""Benchmark specs by name: those that come with oodml, in ``oodml/benchmarks``."""

from __future__ import annotations

import os
from pathlib import Path

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.core.regular_files import irregular

_FOLDER = Path(__file__).parents[2] / "benchmarks"


def packaged_specs() -> dict[str, Path]:
    """Name -> file of every spec that comes with oodml, sorted by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def packaged_spec(name: str) -> Path:
    """The file of the spec called ``name``; UsageError with near names when there is none."""
    known = packaged_specs()
    if name not in known:
        raise UsageError(f"unknown benchmark {name!r}; {name_hint(name, known)}")
    return known[name]


def find_spec(given: Path | str) -> Path:
    """The spec file that is meant: a file of that path, else a spec that comes with oodml.

    Raises:
        UsageError: neither; near names are given.

    >>> find_spec("demo").name
    'demo.toml'
    """
    path, known = Path(given), packaged_specs()
    # not pathlib's questions: the system may refuse the name, as too long
    if os.path.exists(path) and not os.path.isdir(path):
        return path
    if str(given) in known:
        return known[str(given)]
    # specs used to lie in a folder of the checkout, and old notes name them by their path
    hint = name_hint(path.stem, known)
    raise UsageError(
        f"{path}: {irregular(path)}, nor a benchmark of oodml; {hint} (`oodml benchmarks list`)"
    )
