"""Fixtures of the benchmark tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from drivers import end_all_started
from small_specs import SPEC, toml


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """A driver of a test that failed would keep the processors busy for hours."""
    yield
    end_all_started()


@pytest.fixture
def spec_file(tmp_path: Path, vector_data: str) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(toml(SPEC))
    return path
