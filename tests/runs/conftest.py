"""Fixtures of the benchmark tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_specs import SPEC, toml


@pytest.fixture
def spec_file(tmp_path: Path, vector_data: str) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(toml(SPEC))
    return path
