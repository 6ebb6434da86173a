"""The ladders in splits/ are whole and keep what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest

import oodml
from oodml.cli import run_command

FOLDERS = sorted(p.parent for p in (Path(__file__).parents[2] / "splits").glob("*/*/ladder.json"))


def test_there_are_published_ladders() -> None:
    assert {folder.parent.name for folder in FOLDERS} >= {"glyphs", "icons"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f"{f.parent.name}-{f.name}")
def test_a_published_ladder_keeps_its_promises(folder: Path) -> None:
    ladder = oodml.load_ladder(folder)
    assert ladder.dataset == folder.parent.name
    assert run_command(["split", "check", str(folder)]) == 0
    first, last = ladder.levels[0], ladder.levels[-1]
    for place, level in enumerate(ladder.levels):
        share = place / (len(ladder.levels) - 1)
        even = first.shift + share * (last.shift - first.shift)
        assert level.shift == pytest.approx(even, rel=0.01)
        assert len(level.test) == len(first.test)
        assert len(level.training_side) == len(first.training_side)
        images = level.counts["test_images"]
        assert images == pytest.approx(first.counts["test_images"], rel=0.11)
    for shots in (2, 5, 10):
        for level in ladder.levels:
            for episode in ladder.episodes(level.index, shots):
                assert set(episode) <= set(level.test)
