"""Pictures of a report: queries with their first neighbours, and scores class by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.figures import texts_as_they_are
from oodml.core.text import shortened
from oodml.evaluation.report import Report
from oodml.evaluation.uncertainty.estimates import Estimate
from oodml.reports.metric_info import MetricInfo, metric_info

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RIGHT = "#1b7837"
_WRONG = "#b2182b"
_MOST_BARS = 60


def spread_queries(
    values: NDArray[np.float64], count: int, *, higher_is_better: bool = True
) -> NDArray[np.int64]:
    """``count`` scored queries from the worst to the best, evenly spaced in rank of ``values``.

    Picked by rule, so that the picture is neither a best nor a worst case: [count] indices into the
    per-query ``values`` (NaN: not scored).
    """
    scored = np.flatnonzero(~np.isnan(values))
    sign = 1.0 if higher_is_better else -1.0
    order = scored[np.argsort(sign * values[scored], kind="stable")]
    places = np.linspace(0, len(order) - 1, min(count, len(order)))
    return order[np.unique(places.round().astype(np.int64))]


def retrieval_picture(
    queries: Sequence[int] | NDArray[np.int64],
    neighbours: NDArray[np.int64],
    labels: Sequence[str],
    load_image: Callable[[int], Any],
    *,
    title: str = "",
    notes: Mapping[int, str] | None = None,
) -> Figure:
    """One row a query: the query, then its neighbours, nearest first.

    Neighbours of another class are framed red, crossed out in their corner, and named; those of the
    query's class are framed green.

    Args:
        queries: row of each query [Q].
        neighbours: rows of the neighbours [Q, k], from `nearest_neighbours`.
        labels: class name of every row.
        load_image: row -> PIL image.
        notes: row of a query -> a line to print beside it, for instance its score.
    """
    from matplotlib.figure import Figure

    count, k = neighbours.shape
    figure = Figure(figsize=(1.25 * (k + 1) + 0.6, 1.5 * count + 0.6), layout="constrained")
    axes = figure.subplots(count, k + 1, squeeze=False)
    if title:
        figure.suptitle(shortened(title, 80), fontsize=11)
    for line, query in enumerate(np.asarray(queries).tolist()):
        note = (notes or {}).get(query, "")
        text = _short(labels[query]) + (f"\n{shortened(note, 40)}" if note else "")
        _show(axes[line][0], load_image(query), "black", text, bold=True)
        for place, row in enumerate(neighbours[line].tolist()):
            right = labels[row] == labels[query]
            axis = axes[line][place + 1]
            name = "" if right else _short(labels[row])
            _show(axis, load_image(row), _RIGHT if right else _WRONG, name)
            if not right:
                axis.text(
                    0.94, 0.94, "✕", transform=axis.transAxes, ha="right", va="top",
                    fontsize=9, color="white", bbox={"facecolor": _WRONG, "pad": 1.5, "lw": 0},
                )  # fmt: skip
            if line == 0:
                axis.set_title(str(place + 1), fontsize=8, color="0.4")
        if line == 0:
            axes[0][0].set_title("query", fontsize=8, color="0.4")
    return texts_as_they_are(figure)


def per_class_picture(
    report: Report, metric: str, *, interval: Estimate | None = None, title: str = ""
) -> Figure:
    """The metric of every class from best to worst, with the mean over classes, in the metric's unit.

    Where neither end is better, from the highest to the lowest. Up to 60 classes are bars with names;
    more are drawn as one curve, with the ends named.

    Args:
        interval: of the mean over classes, for instance from
            ``report.intervals(average="macro")[metric]``; drawn as a band.
    """
    from matplotlib.figure import Figure

    info = metric_info(metric)
    sign = 1.0 if info.higher_is_better is False else -1.0
    scores = sorted(report.per_class(metric).items(), key=lambda item: (sign * item[1], item[0]))
    names = [name for name, _ in scores]
    values = info.scale * np.array([value for _, value in scores])
    first = "highest" if info.higher_is_better is None else "best"
    title_of_axis = shortened(info.title + info.reading, 60)
    many = len(names) > _MOST_BARS
    size = (7.0, 4.2) if many else (7.0, 0.19 * len(names) + 1.3)
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    if many:
        axis.fill_between(np.arange(len(values)), values, step="mid", color="#9ecae1", lw=0)
        axis.plot(values, color="#08519c", lw=1.2, drawstyle="steps-mid")
        axis.set_xlabel(
            f"{len(names)} classes, {first} first ({_short(names[0])} .. {_short(names[-1])})",
            fontsize=9,
        )
        axis.set_ylabel(title_of_axis)
        axis.set_xlim(-0.5, len(values) - 0.5)
        axis.set_ylim(*_ends(values, info))
        _mean_line(axis.axhline, axis.axhspan, report.macro[metric], interval, info)
    else:
        axis.barh(np.arange(len(values)), values, color="#6baed6", height=0.75)
        axis.set_yticks(np.arange(len(values)), [_short(name, 28) for name in names], fontsize=7)
        axis.invert_yaxis()
        axis.set_xlabel(title_of_axis)
        axis.set_xlim(*_ends(values, info))
        axis.margins(y=0.01)
        _mean_line(axis.axvline, axis.axvspan, report.macro[metric], interval, info)
    figure.legend(fontsize=8, loc="outside lower center", frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    if title:
        axis.set_title(shortened(title, 80), fontsize=11)
    return texts_as_they_are(figure)


def _ends(values: NDArray[np.float64], info: MetricInfo) -> tuple[float, float]:
    """The whole range of a share; of any other unit what the values take, 0 included."""
    if info.unit == "share" and values.min() >= 0 and values.max() <= info.scale:
        return 0.0, info.scale
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    margin = 0.05 * (high - low) or 1.0
    return low - margin * (low < 0), high + margin * (high > 0 or low == high)


def _mean_line(
    line: Any, band: Any, mean: float, interval: Estimate | None, info: MetricInfo
) -> None:
    if interval is not None and interval.low == interval.low:
        label = f"{interval.level:.0%} interval ({interval.estimator})"
        ends = info.scale * interval.low, info.scale * interval.high
        band(*ends, color="0.5", alpha=0.25, lw=0, label=label)
    label = f"mean over classes {info.number(mean)}"
    line(info.scale * mean, color="black", lw=1, ls="--", label=label)


def _show(axis: Any, image: Any, colour: str, text: str, *, bold: bool = False) -> None:
    axis.imshow(np.asarray(image.convert("RGB")))
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(2.5)
    axis.set_xlabel(text, fontsize=6.5, color=colour, fontweight="bold" if bold else "normal")


def _short(name: str, most: int = 20) -> str:
    return shortened(name, most)
