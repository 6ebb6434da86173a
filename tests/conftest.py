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
