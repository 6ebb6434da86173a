"""The transfer share against measured shift, a curve a method with its intervals."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from oodml.core.figures import texts_as_they_are
from oodml.core.text import shortened
from oodml.reports.figure import COLOURS, LONGEST_NAME, LONGEST_TITLE, MARKERS, shift_label
from oodml.reports.share_text import share_rows
from oodml.reports.summary import Summary

_APART = 0.012  # of the width of the axes, between the intervals of neighbouring methods


def draw_share(summary: Summary) -> Figure:
    """Shares in per cent with 95 % bars; a level where nothing is decidable leaves a gap.

    Methods stand a little apart on a level, so that their bars can be told from each other.
    """
    figure = Figure(figsize=(8.6, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    columns = sorted(summary.levels, key=lambda column: column.shift)
    labels = [label for label, _ in share_rows(summary)]
    trained = [label for label in summary.labels if label not in summary.reference]
    step = _APART * ((columns[-1].shift - columns[0].shift) or 1.0)
    for index, label in enumerate(labels):
        # the method's place in the main figure, for the same colour
        place = trained.index(label) if label in trained else len(trained) + index
        offset = step * (index - (len(labels) - 1) / 2)
        found = [summary.shares.entries.get((label, column.level)) for column in columns]
        shares = [one.share if one is not None and one.decidable else None for one in found]
        middle = [float("nan") if one is None else 100 * one.value for one in shares]
        ends = [
            [float("nan") if one is None else 100 * (one.value - one.low) for one in shares],
            [float("nan") if one is None else 100 * (one.high - one.value) for one in shares],
        ]
        axes.errorbar(
            [column.shift + offset for column in columns], middle,
            [[max(0.0, end) if end == end else end for end in side] for side in ends],
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
            markersize=5, linewidth=1.6, elinewidth=1.0, capsize=3, label=shortened(label, LONGEST_NAME),
        )  # fmt: skip
    axes.axhline(100, color="#444444", linewidth=1, linestyle=":")
    axes.axhline(0, color="black", linewidth=1.2, linestyle="--")
    right = axes.get_yaxis_transform()
    for height, text in ((100, "the ceiling"), (0, "frozen")):
        axes.text(0.995, height, text, transform=right, ha="right", va="bottom", fontsize=8)
    axes.set_xlabel(shift_label(summary))
    axes.set_ylabel(shortened(f"transfer share of {summary.metric.title} (%)", LONGEST_TITLE))
    c = summary.context
    title = shortened(f"{c['dataset']}, {c['backbone']}, mode {c['mode']}", LONGEST_TITLE)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles, [" "] * len(names), loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False,
        fontsize=9,
    )  # fmt: skip
    # by hand: matplotlib leaves out of a legend what starts with an underscore
    for entry, name in zip(legend.get_texts(), names, strict=True):
        entry.set_text(name)
    undecided = any(not one.decidable for one in summary.shares.entries.values())
    note = "(method - frozen) / (ceiling - frozen) on the same images; bars: 95 % over test classes"
    note += " and trainings" + (
        "; gaps: the ceiling is not clearly above frozen" if undecided else ""
    )
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color="#666666")
    return texts_as_they_are(figure)
