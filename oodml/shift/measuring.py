"""A ladder seen through other measures or another backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oodml.core.errors import DataError, OodmlError, UsageError
from oodml.core.progress import track
from oodml.core.short_repr import html_table, short_fields
from oodml.core.statistics import kendall_tau
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.ladder.model import Ladder
from oodml.shift.measures import MEASURES, checked_values, sides_of


@dataclass(frozen=True, repr=False)
class LadderMeasurement:
    """Values of measures on every level.

    Attributes:
        names: names of the values, those of one measure together, its own name first.
        values: [levels, names].
        tau: for each name Kendall's tau-b between its values and the ladder's level order: 1 when
            every harder level is harder by it too. NaN with one level or all values equal.
    """

    names: tuple[str, ...]
    values: np.ndarray
    tau: tuple[float, ...]

    __repr__ = short_fields

    def _repr_html_(self) -> str:
        rows = [[place, *row.tolist()] for place, row in enumerate(self.values)]
        return html_table("measures by level", ["level", *self.names], [*rows, ["tau", *self.tau]])


def measure_ladder(
    ladder: Ladder,
    data: LabelledFeatures,
    measures: Sequence[str] | None = None,
    *,
    max_images: int = 2048,
) -> LadderMeasurement:
    """Measure every level with registered measures (None: all of them).

    Raises:
        UsageError: an unknown measure.
        DataError: a class of the ladder that has no features.
        OodmlError: a measure fails, or gives something else than finite numbers; it is named.
    """
    chosen = MEASURES.names() if measures is None else list(measures)
    if not chosen:
        raise UsageError(f"no measure named; known: {', '.join(MEASURES.names())}")
    functions = [MEASURES.get(name) for name in chosen]
    means = data.means()
    rows: list[dict[str, float]] = []
    for level in track(ladder.levels, "measuring levels"):
        missing = [n for n in level.training_side + level.test if n not in means.position]
        if missing:
            raise DataError(f"class {missing[0]!r} of level {level.index} has no features")
        sides = sides_of(
            data,
            means,
            level.training_side,
            level.test,
            seed=ladder.seed,
            max_images=max_images,
        )
        values_here: dict[str, float] = {}
        for name, function in zip(chosen, functions, strict=True):
            values_here |= checked_values(name, function, sides, f"level {level.index}")
        rows.append(values_here)
    names = tuple(rows[0])
    for level, row in zip(ladder.levels, rows, strict=True):
        if tuple(row) != names:
            raise OodmlError(
                f"the measures gave {', '.join(row)} at level {level.index} and {', '.join(names)} at "
                f"level {ladder.levels[0].index}; a measure must give the same values at every level"
            )
    values = np.array([[row[name] for name in names] for row in rows])
    tau = kendall_tau(np.arange(len(rows)), values.T)
    return LadderMeasurement(names, values, tuple(tau.tolist()))
