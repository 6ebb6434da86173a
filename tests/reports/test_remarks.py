"""Every sentence that remarks can print: data where it must stand, and data where it must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_data import SHARES, results, run_folder, share_folder

from oodml.reports import Row, remarks, summarise

NOT_CAUSES = ("difficulty, not shift", "made retrieval worse", "own difficulty")


def said_of(folder: Path, shares: dict = SHARES) -> list[str]:
    found = remarks(summarise(share_folder(folder, shares), folder=folder))
    assert not any(cause in text for text in found for cause in NOT_CAUSES)
    return found


def one(said: list[str], start: str) -> str:
    (found,) = [text for text in said if text.startswith(start)]
    return found


def none(said: list[str], start: str) -> None:
    assert not [text for text in said if text.startswith(start)]


def test_frozens_change_is_told_and_not_explained(tmp_path: Path) -> None:
    said = one(remarks(summarise(results())), "Frozen features")
    assert "from 50.0 on the first level to 45.0 on the last (-10.0 %)" in said
    assert "this change alone cannot tell difficulty from shift" in said
    with_interval = one(said_of(tmp_path), "Frozen features, which saw no")
    assert "50.0 [4" in with_interval
    table = results()
    none(remarks(summarise(table[table["level"] == 1])), "Frozen features")
    assert remarks(summarise(table[table["method"] != "frozen"])) == []


def test_numbers_over_frozen_have_no_cause() -> None:
    said = one(remarks(summarise(results())), "Points over frozen")
    assert said == (
        "Points over frozen, first -> last level: good +21.0 -> +7.0; a_bad +5.0 -> -14.0."
    )
    table = results()
    none(remarks(summarise(table[table["level"] == 1])), "Points over frozen")


def test_below_frozen_without_class_values_is_untested() -> None:
    said = remarks(summarise(results()))
    assert one(said, "Scores below frozen") == (
        "Scores below frozen, untested: a_bad (level 1: -7.0, level 2: -14.0)."
    )
    none(said, "Below frozen")
    table = results()
    none(remarks(summarise(table[table["method"] != "a_bad"])), "Scores below frozen")


def test_below_frozen_needs_the_test(tmp_path: Path) -> None:
    said = said_of(tmp_path)
    text = one(said, "Below frozen")
    assert "by a paired permutation test over the test classes at 5 %" in text
    assert "corrected by Holm for 6 pairs of method and level" in text
    assert "weak (level 1: -2.0 [" in text
    assert "level 2: -10.0 [" in text
    assert "good" not in text
    none(said, "Scores below frozen")


def test_a_chance_difference_is_not_called_below(tmp_path: Path) -> None:
    shares = {"forward": {"frozen": (0.50, 0.45), "weak": (0.498, 0.60)}}
    said = said_of(tmp_path, shares)
    none(said, "Below frozen")
    text = one(said, "Scores below frozen")
    assert "does not tell from chance" in text
    assert "corrected by Holm for 2 pairs" in text
    assert "weak (level 0: -0.2 [" in text
    summary = summarise(share_folder(tmp_path / "again", shares), folder=tmp_path / "again")
    known = summary.against_frozen.worse[Row("weak"), 0]
    assert known.told is False
    assert known.difference.low < 0 < known.difference.high


def test_told_and_untold_are_apart(tmp_path: Path) -> None:
    shares = {"forward": {"frozen": (0.50, 0.45), "weak": (0.498, 0.30)}}
    said = said_of(tmp_path, shares)
    assert "level 1" in one(said, "Below frozen")
    assert "which that test does not tell from chance" in one(said, "Scores below frozen")


def test_missing_class_values_of_one_level_leave_it_untested(tmp_path: Path) -> None:
    table = share_folder(tmp_path)
    (tmp_path / "cells" / "weak-1-0-forward" / "classes.parquet").unlink()
    said = remarks(summarise(table, folder=tmp_path))
    assert one(said, "Scores below frozen, untested") == (
        "Scores below frozen, untested: weak (level 1: -2.0)."
    )
    assert "for 5 pairs" in one(said, "Below frozen")


def test_no_method_below_frozen_no_sentence(tmp_path: Path) -> None:
    said = remarks(summarise(run_folder(tmp_path), folder=tmp_path))
    none(said, "Below frozen")
    none(said, "Scores below frozen")


def test_the_ceiling_is_told_with_frozen_on_the_same_images(tmp_path: Path) -> None:
    text = one(said_of(tmp_path / "a"), "Trained on other images of the test classes")
    assert "good 80.0 [" in text
    assert "frozen on the same images 48.0 [" in text
    without = {k: v for k, v in SHARES.items() if k != "ceiling"}
    none(said_of(tmp_path / "b", without), "Trained on other")
    alone = SHARES | {"ceiling": {"good": SHARES["ceiling"]["good"]}}
    none(said_of(tmp_path / "c", alone), "Trained on other")


@pytest.mark.parametrize(("there", "shown"), [(0.60, True), (0.41, False)])
def test_reverse_speaks_only_where_intervals_lie_apart(
    tmp_path: Path, there: float, shown: bool
) -> None:
    said = said_of(tmp_path, SHARES | {"reverse": {"frozen": (0.5, 0.5, there)}})
    if shown:
        text = one(said, "Frozen features score 40.0 [")
        assert "60.0 [" in text
        assert "the gap is how hard either side is" in text
    else:
        none(said, "Frozen features score")


def test_only_the_transfer_share_speaks_of_shift(tmp_path: Path) -> None:
    text = one(said_of(tmp_path / "a"), "Transfer share")
    assert "good 75 % [" in text
    assert "(less is transferred)" in text
    assert "weak" not in text, "its last level is not decidable"
    assert "this is the number that speaks of shift" in text
    same = {
        "forward": SHARES["forward"],
        "held-out": {"good": (0.60, 0.50, 0.50)},
        "ceiling": {"frozen": (0.48, 0.38, 0.38), "good": (0.72, 0.62, 0.62)},
    }
    level = one(said_of(tmp_path / "b", same), "Transfer share")
    assert "(no change shown)" in level
    assert "transferred" not in level
    more = same | {"held-out": {"good": (0.50, 0.50, 0.60)}}
    assert "(more is transferred)" in one(said_of(tmp_path / "c", more), "Transfer share")
    without = {k: v for k, v in SHARES.items() if k != "held-out"}
    none(said_of(tmp_path / "d", without), "Transfer share")
    none(remarks(summarise(results())), "Transfer share")
