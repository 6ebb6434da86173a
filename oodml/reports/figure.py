"""A metric against measured shift, a curve a method."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from oodml.core.files import atomic_path
from oodml.reports.summary import ESTIMATORS, Summary

# Okabe and Ito's palette: told apart by readers with any colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c6d31", "#5e3c99")
_MARKERS = "osD^vP*X"
_MEASURE_NAMES = {"frechet_class_means": "Fréchet distance of class means"}


def draw_figure(summary: Summary) -> Figure:
    """Curves over the levels' measured shift; the frozen reference dashed in black."""
    figure = Figure(figsize=(8.2, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    trained = [label for label in summary.labels if label not in summary.reference]
    for label in summary.labels:
        columns = [c for c in summary.levels if (label, c.level) in summary.entries]
        shift = [c.shift for c in columns]
        entries = [summary.entries[label, c.level] for c in columns]
        mean = np.array([100 * e.mean for e in entries])
        spread = np.array([100 * e.spread for e in entries])
        if label in summary.reference:
            axes.plot(shift, mean, "k--", marker=".", linewidth=1.8, label=f"{label} (reference)")
            continue
        place = trained.index(label)
        colour = _COLOURS[place % len(_COLOURS)]
        marker = _MARKERS[place % len(_MARKERS)]
        axes.plot(
            shift, mean, color=colour, marker=marker, markersize=5, linewidth=1.6, label=label
        )
        if np.isfinite(spread).all():
            axes.fill_between(
                shift, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0
            )
    measure = summary.context["shift_measure"]
    axes.set_xlabel(
        f"shift between train and test classes ({_MEASURE_NAMES.get(measure, measure)})"
    )
    axes.set_ylabel(f"{_metric_title(summary.metric)} (%)")
    axes.set_title(
        f"{summary.context['dataset']}, {summary.context['backbone']}, mode {summary.context['mode']}",
        loc="left",
        fontsize=11,
    )
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    last = {
        label: summary.entries[label, summary.levels[-1].level].mean
        for label in summary.labels
        if (label, summary.levels[-1].level) in summary.entries
    }
    # the legend stands in the order of the curves' right ends, so it can be read across
    order = sorted(range(len(names)), key=lambda i: -last.get(summary.labels[i], -1.0))
    axes.legend(
        [handles[i] for i in order],
        [names[i] for i in order],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
    )
    counts = summary.seed_counts
    if any(n > 1 for n in counts):
        band = f"band: {ESTIMATORS[summary.estimator][0]}, n = {' or '.join(map(str, counts))}"
        axes.annotate(
            band,
            (0, 0),
            xytext=(4, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color="#666666",
        )
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write PNG or SVG (by the suffix), the same bytes for the same figure."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with atomic_path(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "oodml"}):
        figure.savefig(temporary, format=path.suffix.lstrip("."), dpi=160, metadata=metadata)


def _metric_title(metric: str) -> str:
    if metric.startswith("recall_at_"):
        return f"Recall@{metric.removeprefix('recall_at_')}"
    if metric.startswith("accuracy_") and metric.endswith("_shot"):
        return f"{metric.split('_')[1]}-shot accuracy"
    return {"map_at_r": "MAP@R", "r_precision": "R-precision"}.get(metric, metric)
