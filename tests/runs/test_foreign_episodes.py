"""A ladder whose episodes name images the data set does not have: said before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_specs import SMALL

import oodml
from oodml.core.errors import DataError


@pytest.fixture
def ladder(vector_data: str, tmp_path: Path) -> Path:
    """A ladder on the toy classes made with other image ids, as an imported one has them."""
    rng = np.random.default_rng(3)
    labels = [f"class-{c:02d}" for c in np.repeat(np.arange(24), 12)]
    centres = {name: rng.normal(size=8) for name in sorted(set(labels))}
    features = np.stack([centres[name] + 0.3 * rng.normal(size=8) for name in labels])
    ids = [f"{n:05d}.jpg" for n in range(len(labels))]
    made = oodml.generate_ladder(
        features, labels, "oodml", 2, image_ids=ids, shots=(2,), episodes=2
    )
    made.save(tmp_path / "ladder")
    return tmp_path / "ladder"


def spec(ladder: Path, shots: list[int]) -> dict:
    return {
        **{key: value for key, value in SMALL.items() if key != "tasks"},
        "ladder": {"path": str(ladder)},
        "evaluation": {"metrics": ["recall_at_1"], "shots": shots, "episodes": 2},
    }


def test_k_shot_on_foreign_episodes_is_refused_at_once(ladder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"name \d+ image\(s\) that the data set does not have"):
        oodml.run(spec(ladder, [2]), tmp_path / "out", executor="serial")
    assert not list((tmp_path / "out").glob("cells/*"))


def test_retrieval_needs_no_episodes(ladder: Path, tmp_path: Path) -> None:
    results = oodml.run(spec(ladder, []), tmp_path / "out", executor="serial")
    assert set(results["metric"]) == {"recall_at_1"}
