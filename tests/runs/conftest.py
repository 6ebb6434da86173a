"""Fixtures of the benchmark tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from drivers import end_all_started
from PIL import Image
from small_specs import SPEC, toml

from oodml.cli import run_command


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


@pytest.fixture
def photos(tmp_path: Path, oodml_home: Path) -> Path:
    """Twelve classes of noisy patterns, a folder each; added as "photos"."""
    rng = np.random.default_rng(0)
    for number in range(12):
        pattern = rng.integers(0, 255, (7, 7, 3))
        folder = tmp_path / "photos" / f"class-{number:02d}"
        folder.mkdir(parents=True)
        for image in range(5):
            noisy = np.clip(pattern + rng.normal(0, 60, pattern.shape), 0, 255).astype(np.uint8)
            Image.fromarray(np.kron(noisy, np.ones((4, 4, 1), np.uint8))).save(
                folder / f"{image}.png"
            )
    added = ["data", "add", "photos", "--kind", "image-folder", "--dir", str(tmp_path / "photos")]
    assert run_command(added) == 0
    return tmp_path / "photos"
