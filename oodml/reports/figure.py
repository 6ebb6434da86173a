"""A metric against measured shift, a curve a method."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from oodml.core.figures import texts_as_they_are
from oodml.core.text import shortened
from oodml.reports.conditions import in_order
from oodml.reports.spreads import ESTIMATORS
from oodml.reports.summary import Row, Summary

# Okabe and Ito's palette: told apart by readers with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c6d31", "#5e3c99")
MARKERS = "osD^vP*X"
# Conditions are drawn in the method's colour, lighter, each with dots of its own.
_DASHES = ("-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))  # references besides frozen
_DOTS = ((0, (1, 1.2)), (0, (4, 1.5, 1, 1.5)), (0, (1, 3)), (0, (6, 3)))
_MEASURE_NAMES = {"frechet_class_means": "Fréchet distance of class means"}
_SUFFIXES = ("png", "svg", "pdf")
LONGEST_NAME, LONGEST_TITLE = 40, 80  # characters that leave room for the curves
_ROOM_IN_LEGEND = 18  # rows that fit beside axes of the usual height


def draw_figure(summary: Summary) -> Figure:
    """Curves over the levels' measured shift; the frozen reference dashed in black.

    A missing cell leaves a gap in its curve. The legend stands in the order of the curves' right
    ends, methods first, so that it can be read across.
    """
    height = 4.8 + 0.24 * max(0, len(summary.rows) - _ROOM_IN_LEGEND)
    figure = Figure(figsize=(8.6, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    curves = [(row, _draw(axes, summary, row)) for row in summary.rows]
    if any(len(_finite(summary, row)) for row in summary.rows):
        # by hand: matplotlib leaves out of a legend what starts with an underscore
        shown = sorted(curves, key=lambda one: _legend_place(summary, one[0]))
        legend = axes.legend(
            [line for _, line in shown],
            [" "] * len(shown),
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            frameon=False,
            fontsize=9,
        )
        for text, (row, _) in zip(legend.get_texts(), shown, strict=True):
            text.set_text(shortened(_name(summary, row), LONGEST_NAME))
    _write_texts(figure, axes, summary)
    return texts_as_they_are(figure)


def _draw(axes: Axes, summary: Summary, row: Row) -> Any:
    """Draw a row's curve; returns its line."""
    columns = sorted(summary.levels, key=lambda column: column.shift)
    shift = np.array([column.shift for column in columns])
    scale = summary.metric.scale
    found = [summary.entries.get((row, column.level)) for column in columns]
    mean = np.array([np.nan if e is None else scale * e.mean for e in found])
    spread = np.array([np.nan if e is None else scale * e.spread for e in found])
    style = _style(summary, row)
    (line,) = axes.plot(shift, mean, label=summary.title(row), **style)
    if not summary.is_reference(row):
        _draw_spread(axes, shift, mean, spread, style["color"])
    return line


def _draw_spread(
    axes: Axes,
    shift: NDArray[np.float64],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    colour: str,
) -> None:
    known = np.isfinite(mean) & np.isfinite(spread)
    low, high = mean - spread, mean + spread
    axes.fill_between(shift, low, high, where=known, color=colour, alpha=0.15, linewidth=0)
    padded = np.concatenate([[False], known, [False]])
    alone = known & ~padded[:-2] & ~padded[2:]  # a band has no width here, so a bar stands in
    if alone.any():
        axes.errorbar(
            shift[alone], mean[alone], spread[alone], color=colour, alpha=0.6, fmt="none",
            capsize=3,
        )  # fmt: skip


def _style(summary: Summary, row: Row) -> dict[str, Any]:
    if row.label in summary.reference:
        # frozen is black and dashed in every report; other references are told from it
        others = sorted(summary.reference - {"frozen"})
        dashes = "--" if row.label == "frozen" else _DASHES[others.index(row.label) % len(_DASHES)]
        colour = "black" if row.label == "frozen" else "#666666"
        style: dict[str, Any] = {
            "color": colour, "linestyle": dashes, "marker": ".", "linewidth": 1.8,
        }  # fmt: skip
    else:
        trained = list(
            dict.fromkeys(r.label for r in summary.rows if r.label not in summary.reference)
        )
        place = trained.index(row.label)
        # the second round of colours has other markers than the first
        marker = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
        style = {
            "color": COLOURS[place % len(COLOURS)], "linestyle": "-", "marker": marker,
            "markersize": 5, "linewidth": 1.6,
        }  # fmt: skip
    if not row.forward:
        others = [one for one in in_order(r.condition for r in summary.rows) if one != "forward"]
        dots = _DOTS[others.index(row.condition) % len(_DOTS)]
        style |= {"linestyle": dots, "markersize": 3, "linewidth": 1.3, "alpha": 0.6}
    return style


def _finite(summary: Summary, row: Row) -> list[float]:
    """The means of a row, by growing shift."""
    columns = sorted(summary.levels, key=lambda column: column.shift)
    found = [summary.entries.get((row, column.level)) for column in columns]
    return [e.mean for e in found if e is not None and np.isfinite(e.mean)]


def _legend_place(summary: Summary, row: Row) -> tuple[bool, float]:
    means = _finite(summary, row)
    return not row.forward, -means[-1] if means else np.inf


def _name(summary: Summary, row: Row) -> str:
    reference = row.forward and row.label in summary.reference
    return summary.title(row) + (" (reference)" if reference else "")


def shift_label(summary: Summary) -> str:
    """What the axis of shift is called."""
    measure = summary.context["shift_measure"]
    name = shortened(_MEASURE_NAMES.get(measure, measure), LONGEST_NAME)
    return f"shift between train and test classes ({name})"


def _write_texts(figure: Figure, axes: Axes, summary: Summary) -> None:
    context, metric = summary.context, summary.metric
    axes.set_xlabel(shift_label(summary))
    shots = summary.shots if str(summary.shots) not in metric.name else None
    after = f", {summary.shots} shots" if shots is not None else ""
    axes.set_ylabel(shortened(metric.title + after + metric.reading, LONGEST_TITLE))
    setting = f"{context['dataset']}, {context['backbone']}, mode {context['mode']}"
    axes.set_title(shortened(setting, LONGEST_TITLE), loc="left", fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    counts = summary.seed_counts
    if any(n > 1 for n in counts):
        band = f"±: {ESTIMATORS[summary.estimator][0]}, n = {' or '.join(map(str, counts))}"
        # below the axes, where no curve runs
        figure.supxlabel(band, x=0.01, ha="left", fontsize=8, color="#666666")
