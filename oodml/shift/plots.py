"""Pictures of a ladder: how shift grows, where the classes lie, what moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from oodml.core.errors import DataError
from oodml.core.figures import save_figure, texts_as_they_are
from oodml.core.paths import PathLike, as_path
from oodml.core.text import shortened
from oodml.shift.distance.means import ClassMeans
from oodml.shift.ladder.model import Ladder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers and in grey print.
_TRAIN, _VAL, _TEST, _GONE = "#0072B2", "#56B4E9", "#D55E00", "#BBBBBB"
_MAPS = 4
_MOST_SUPERCLASSES = 30
_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
}


def plot_ladder(
    ladder: Ladder,
    folder: PathLike,
    *,
    means: ClassMeans | None = None,
    superclass_of: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write ``shift``, ``moves`` and, with class means, ``map`` as PNG and SVG into ``folder``."""
    import matplotlib

    folder = as_path(folder, "folder")
    figures = {"shift": shift_figure}
    if len(ladder.levels) > 1 or superclass_of:
        figures["moves"] = moves_figure
    written: list[Path] = []
    with matplotlib.rc_context(cast(Any, _STYLE)):
        drawn = {name: draw(ladder, superclass_of) for name, draw in figures.items()}
        if means is not None:
            drawn["map"] = map_figure(ladder, means)
        for name, figure in drawn.items():
            for ending in ("png", "svg"):
                written.append(folder / f"{name}.{ending}")
                save_figure(figure, written[-1])
    return written


def shift_figure(ladder: Ladder, superclass_of: Mapping[str, str] | None = None) -> Figure:
    """Shift of every level with its target, over the number of test classes and images."""
    figure = _figure(5.4, 4.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    places = [level.index for level in ladder.levels]
    shifts = [level.shift for level in ladder.levels]
    upper.plot(places, shifts, "o-", color=_TEST, label="measured")
    targets = [(level.index, level.target) for level in ladder.levels if level.target is not None]
    if targets:
        upper.plot(*zip(*targets, strict=True), "_", color="black", ms=16, label="target")
        upper.legend(frameon=False, loc="lower right")
    for place, shift in zip(places, shifts, strict=True):
        upper.annotate(
            f"{shift:.3g}", (place, shift), xytext=(-7, 6), textcoords="offset points", ha="right"
        )
    upper.set_ylabel(f"shift ({shortened(ladder.measure.replace('_', ' '), 40)})")
    upper.set_ylim(bottom=0)
    about = shortened(f"{ladder.dataset or ladder.name}: generator {ladder.generator}", 70)
    upper.set_title(about, loc="left")
    classes = [level.counts["test_classes"] for level in ladder.levels]
    lower.bar(places, classes, color=_GONE, width=0.85)
    for level, count in zip(ladder.levels, classes, strict=True):
        images = level.counts.get("test_images")
        text = f"{count}" if images is None else f"{count}\n{images:,} img"
        lower.annotate(text, (level.index, count / 2), ha="center", va="center", fontsize=7.5)
    lower.set_ylabel("test classes")
    lower.set_xlabel("level")
    lower.set_xticks(places)
    return texts_as_they_are(figure)


def map_figure(ladder: Ladder, means: ClassMeans) -> Figure:
    """Class means on their first two principal axes, coloured by side, at up to four levels.

    Raises:
        DataError: a class of the ladder that has no features.
    """
    names = _all_classes(ladder)
    missing = [name for name in names if name not in means.position]
    if missing:
        raise DataError(
            f"class {missing[0]!r} (of {len(missing)}) of the ladder has no features; are they of "
            "another data set, or are its classes named otherwise?"
        )
    rows = means.rows_of(names)
    points = means.means[rows] - means.means[rows].mean(axis=0)
    if means.dims == 1:
        points = np.pad(points, ((0, 0), (0, 1)))
    _, spread, axes = np.linalg.svd(points, full_matrices=False)
    # The sign of a principal axis is arbitrary: the largest weight is made positive.
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    flat = points @ axes.T
    shares = spread**2 / (spread**2).sum()
    chosen = np.unique(np.linspace(0, len(ladder.levels) - 1, _MAPS).round().astype(int))
    columns = min(2, len(chosen))
    lines = -(-len(chosen) // columns)
    figure = _figure(3.4 * columns + 0.4, 3.1 * lines + 0.7)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for panel, index in zip(panels.flat, chosen, strict=False):
        _draw_map(panel, ladder, int(index), names, flat)
    for panel in panels.flat[len(chosen) :]:
        panel.set_visible(False)
    handles, labels = panels.flat[len(chosen) - 1].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=4, frameon=False, markerscale=2
    )
    figure.supxlabel(f"first principal axis of the class means ({shares[0]:.0%} of variance)")
    figure.supylabel(f"second ({shares[1]:.0%})")
    return texts_as_they_are(figure)


def moves_figure(ladder: Ladder, superclass_of: Mapping[str, str] | None = None) -> Figure:
    """Share of every superclass on the test side by level; without superclasses, moves counted."""
    if superclass_of and len({superclass_of.get(n) for n in _all_classes(ladder)}) > 1:
        return _superclass_figure(ladder, superclass_of)
    figure = _figure(5.4, 3.2)
    panel = figure.subplots()
    steps = list(pairwise(ladder.levels))
    places = np.arange(len(steps))
    to_test = [len(set(b.test) & set(a.training_side)) for a, b in steps]
    to_train = [len(set(a.test) & set(b.training_side)) for a, b in steps]
    gone = [len(_classes(a) - _classes(b)) for a, b in steps]
    kinds = [
        ("to test", to_test, _TEST),
        ("to training", to_train, _TRAIN),
        ("removed", gone, _GONE),
    ]
    shown = [kind for kind in kinds if any(kind[1])]
    for number, (label, values, colour) in enumerate(shown):
        offset = (number - (len(shown) - 1) / 2) * 0.28
        bars = panel.bar(places + offset, values, 0.26, label=label, color=colour)
        panel.bar_label(bars, fontsize=7.5)
    panel.set_xticks(places, [f"{a.index} to {b.index}" for a, b in steps])
    panel.set_xlabel("between levels")
    panel.set_ylabel("classes that moved")
    panel.legend(frameon=False)
    panel.margins(y=0.15)
    return texts_as_they_are(figure)


def _superclass_figure(ladder: Ladder, superclass_of: Mapping[str, str]) -> Figure:
    sizes = Counter(superclass_of.get(name, "none") for name in _all_classes(ladder))
    largest = [name for name, _ in sizes.most_common(_MOST_SUPERCLASSES)]
    shares = np.full((len(largest), len(ladder.levels)), np.nan)
    for column, level in enumerate(ladder.levels):
        test = Counter(superclass_of.get(name, "none") for name in level.test)
        there = Counter(superclass_of.get(name, "none") for name in _classes(level))
        for row, name in enumerate(largest):
            if there[name]:
                shares[row, column] = test[name] / there[name]
    # Superclasses that end on the test side first, so that the picture reads as two blocks.
    order = np.argsort(-np.nan_to_num(shares[:, -1]), kind="stable")
    figure = _figure(1.8 + 0.75 * max(4, len(ladder.levels)), 1.2 + 0.26 * max(6, len(largest)))
    panel = figure.subplots()
    image = panel.imshow(shares[order], aspect="auto", cmap=_diverging(), vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares[order]):
        if np.isfinite(share):
            colour = "black" if 0.2 < share < 0.8 else "white"
            panel.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour,
                       fontsize=7)  # fmt: skip
    panel.set_yticks(
        range(len(largest)), [f"{shortened(largest[i], 24)} ({sizes[largest[i]]})" for i in order]
    )
    ticks = [f"{level.index}\n{level.shift:.3g}" for level in ladder.levels]
    panel.set_xticks(range(len(ladder.levels)), ticks)
    panel.set_xlabel("level and shift")
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    bar = figure.colorbar(image, ax=panel, shrink=0.8, ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels(["all train", "half", "all test"])
    bar.outline.set_visible(False)  # type: ignore[operator]
    others = len(sizes) - len(largest)
    more = f"; {others} smaller ones not shown" if others else ""
    panel.set_title(f"superclasses (classes) on the test side{more}", loc="left")
    return texts_as_they_are(figure)


def _draw_map(panel: Axes, ladder: Ladder, index: int, names: list[str], flat: np.ndarray) -> None:
    level = ladder.levels[index]
    sides = {"train": set(level.train), "val": set(level.val), "test": set(level.test)}
    colours = {"train": _TRAIN, "val": _VAL, "test": _TEST, "left out": _GONE}
    marks = {"train": "o", "val": "o", "test": "^", "left out": "x"}
    size = float(np.clip(2600 / max(len(names), 1), 4, 26))
    side_of = [next((s for s, members in sides.items() if n in members), "left out") for n in names]
    for side, colour in colours.items():
        here = np.array([s == side for s in side_of])
        if here.any():
            panel.scatter(
                flat[here, 0], flat[here, 1], s=size, color=colour, marker=marks[side], label=side,
                alpha=0.75, linewidths=0.8 if side == "left out" else 0,
            )  # fmt: skip
    shift = "shift not measured" if np.isnan(level.shift) else f"shift {level.shift:.3g}"
    panel.set_title(f"level {index}, {shift}", loc="left")
    panel.set_xticks([])
    panel.set_yticks([])


def _all_classes(ladder: Ladder) -> list[str]:
    """Classes of all levels, and those of the start that a later stage removed, sorted.

    An imported ladder knows only its levels: it may have no count of images.
    """
    return sorted(set(ladder.images).union(*(_classes(level) for level in ladder.levels)))


def _classes(level: Any) -> set[str]:
    return {*level.train, *level.val, *level.test}


def _diverging() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("sides", [_TRAIN, "#F2F2F2", _TEST])


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
