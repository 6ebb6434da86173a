"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data sets for tests; skips where it is missing."""
    folder = Path(os.environ.get("OODML_SHARED_DATA") or _ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set OODML_SHARED_DATA)")
    return folder


@pytest.fixture
def oodml_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty OODML_HOME of the test's own."""
    home = tmp_path / "oodml-home"
    monkeypatch.setenv("OODML_HOME", str(home))
    return home


@pytest.fixture
def vector_data(oodml_home: Path, tmp_path: Path) -> str:
    """A small data set of vectors with learnable classes, added as "toy": 24 classes x 12 items."""
    import numpy as np

    from oodml.cli import run_command
    from oodml.core.vectors import VectorTable, write_vectors

    rng = np.random.default_rng(0)
    classes, items, dims = 24, 12, 16
    centres = rng.normal(size=(classes, dims))
    labels = np.repeat(np.arange(classes), items)
    # noise is larger where classes do not differ, so that training has something to find
    noise = rng.normal(size=(len(labels), dims)) * np.linspace(0.3, 2.0, dims)
    vectors = (centres[labels] + noise).astype(np.float32)
    ids = tuple(f"item-{i:03d}" for i in range(len(labels)))
    table = VectorTable(ids, vectors, {"label": tuple(f"class-{c:02d}" for c in labels)})
    write_vectors(tmp_path / "toy.parquet", table)
    added = ["data", "add", "toy", "--kind", "vectors", "--table", str(tmp_path / "toy.parquet")]
    assert run_command(added) == 0
    return "toy"


@pytest.fixture(params=["compiled", "torch"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which engine counts; a test that uses this runs on both."""
    from oodml.evaluation.ranks.engines import compiled

    name: str = request.param
    if name == "torch":
        monkeypatch.setattr(compiled, "compiled_loops_available", lambda: False)
    return name
