"""The figure shows what the table says, whatever is missing."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from report_data import LEVELS, UGLY, results, with_conditions

from oodml.core.errors import UsageError
from oodml.core.figures import write_figure
from oodml.reports import draw_figure, save_figure, summarise


def drawn(summary):
    """The figure's lines by label, after all of it was rendered without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_figure(summary)
        write_figure(figure, io.BytesIO(), "png")
    axes = figure.axes[0]
    return {
        line.get_label(): line for line in axes.get_lines() if line.get_label()[:1] != "_"
    }, axes


def test_every_method_stands_at_its_shift() -> None:
    lines, axes = drawn(summarise(results()))
    assert set(lines) == {"frozen", "good", "a_bad"}
    np.testing.assert_allclose(lines["good"].get_xdata(), list(LEVELS.values()))
    np.testing.assert_allclose(lines["good"].get_ydata(), [71, 61, 52])
    assert lines["frozen"].get_linestyle() == "--"
    assert lines["frozen"].get_color() == "black"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "good", "frozen (reference)", "a_bad",
    ]  # fmt: skip
    assert axes.get_ylabel() == "Recall@1 (%)"


def test_conditions_are_lighter_in_the_methods_colour() -> None:
    lines, axes = drawn(summarise(with_conditions()))
    good, ceiling = lines["good"], lines["good · ceiling"]
    assert ceiling.get_color() == good.get_color()
    assert ceiling.get_alpha() < 1
    assert ceiling.get_linestyle() != good.get_linestyle()
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(names) == 8
    assert all("·" not in name for name in names[:3]), "methods first"


@pytest.mark.parametrize("label", [UGLY, "$x$", "_hidden", r"\$", "$", "[a](b)"])
def test_any_label_can_be_drawn(label: str) -> None:
    table = results(backbone=label, shift_measure=label)
    table["label"] = table["label"].replace("good", label)
    _, axes = drawn(summarise(table))
    assert label in [text.get_text() for text in axes.get_legend().get_texts()]


def test_one_level_and_missing_cells_are_drawn() -> None:
    table = results()
    lines, axes = drawn(summarise(table[table["level"] == 1]))
    np.testing.assert_allclose(lines["good"].get_ydata(), [61])
    assert len(axes.containers) == 2, "a bar stands in for a band without width"
    gap = table[~((table["label"] == "good") & (table["level"] == 1))]
    lines, _ = drawn(summarise(gap))
    np.testing.assert_allclose(lines["good"].get_ydata(), [71, np.nan, 52])
    drawn(summarise(table[(table["label"] == "good") & (table["level"] == 0)]))
    drawn(summarise(with_conditions(), conditions=["reverse"]))


def test_many_methods_look_different() -> None:
    values = {f"method {i}": {0: [0.1 * i / 2], 2: [0.1 * i / 3]} for i in range(18)}
    lines, _ = drawn(summarise(results(values)))
    assert len({(line.get_color(), line.get_marker()) for line in lines.values()}) == 18


def test_files_are_repeatable_and_of_three_kinds(tmp_path: Path) -> None:
    for kind in ("png", "svg", "pdf"):
        written = []
        for _ in range(2):
            path = tmp_path / f"x.{kind}"
            save_figure(draw_figure(summarise(results())), path)
            written.append(path.read_bytes())
        assert written[0] == written[1], kind
    with pytest.raises(UsageError, match=r"x.gif: figures are written as .png, .svg or .pdf"):
        save_figure(draw_figure(summarise(results())), tmp_path / "x.gif")


def test_a_second_reference_is_told_from_frozen() -> None:
    values = {"frozen": {0: [0.5], 1: [0.4]}, "whitening": {0: [0.6], 1: [0.5]}}
    table = results(values, trains=False, mode="none", selection="none", training="{}")
    lines, _ = drawn(summarise(table))
    one, two = lines["frozen"], lines["whitening"]
    assert one.get_linestyle() == "--"
    assert (one.get_linestyle(), one.get_color()) != (two.get_linestyle(), two.get_color())
