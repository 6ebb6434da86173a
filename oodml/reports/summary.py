"""One metric of one setting: methods x levels, mean over seeds with a named spread."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from oodml.evaluation import Estimate, TransferShare
from oodml.reports.conditions import FORWARD
from oodml.reports.metric_info import MetricInfo


@dataclass(frozen=True, order=True)
class Row:
    """A row of the table: a method, by its label, under a condition."""

    label: str
    condition: str = FORWARD

    @property
    def forward(self) -> bool:
        return self.condition == FORWARD


@dataclass(frozen=True)
class Entry:
    """One place of the table.

    Attributes:
        mean: over seeds (and draws), in the metric's own unit.
        spread: by the summary's estimator; NaN with fewer than two values.
        seeds: how many values the mean is of.
    """

    mean: float
    spread: float
    seeds: int


@dataclass(frozen=True)
class LevelColumn:
    """A level of the ladder as a column: its number, shift and test side."""

    level: int
    shift: float
    test_classes: int
    test_images: int


AgsInterval = Literal["classes", "seeds", "none"]


@dataclass(frozen=True)
class AgsColumn:
    """The area under metric over shift.

    Attributes:
        defined: whether the ladder has two levels of different shift; without, there is no column.
        entries: by row, forward only, with NaN for an interval that cannot be had; missing where
            a level is missing.
        interval: what the intervals are over.
    """

    defined: bool
    entries: dict[Row, Estimate]
    interval: AgsInterval


Column = int | Literal["ags"]


@dataclass(frozen=True)
class Separation:
    """Which methods a test cannot tell from the best of a column.

    Attributes:
        tied: by column (a level's number, or "ags"): the rows that are marked. A column that could
            not be tested is missing.
        missing: why no column could be tested, or None.
    """

    tied: dict[Column, frozenset[Row]] = field(default_factory=dict)
    missing: str | None = None


@dataclass(frozen=True)
class AgainstFrozen:
    """A method that scores worse than frozen on a level.

    Attributes:
        difference: method - frozen in the metric's unit; NaN for the interval where it is untested.
        told: whether the paired test, corrected for all methods and levels, tells the two apart;
            None where it could not be made.
    """

    difference: Estimate
    told: bool | None


@dataclass(frozen=True)
class FrozenTests:
    """The methods compared with frozen on each level.

    Attributes:
        worse: (row, level) -> what is known of it, where its mean is worse than that of frozen.
        pairs: how many pairs of a method and a level were tested, worse or not.
    """

    worse: dict[tuple[Row, int], AgainstFrozen] = field(default_factory=dict)
    pairs: int = 0


@dataclass(frozen=True)
class Shares:
    """Transfer shares: (label, level) -> `TransferShare`.

    Attributes:
        missing: why there is none at all, or None.
    """

    entries: dict[tuple[str, int], TransferShare] = field(default_factory=dict)
    missing: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The methods that have a share on some level."""
        return tuple(dict.fromkeys(label for label, _ in self.entries))


@dataclass(frozen=True)
class Summary:
    """A metric of one setting over methods x levels.

    Attributes:
        setting: its id in the results.
        metric: name, unit and direction.
        task, shots: what was done to get the values; shots is None where there are none.
        levels: columns by growing level.
        rows: methods that do not train first, then in order of the mean over levels; after them
            the other conditions, which are there to compare with.
        reference: the labels of methods that do not train.
        entries: (row, level) -> Entry; missing where a cell is.
        draws: how many random draws a row's means are over, for conditions that draw.
        intervals: (row, level) -> interval over test classes, or of one value as it is stored;
            missing where there is none.
        against_frozen: the methods that score worse than frozen, tested where that can be.
        shares: transfer shares, where the conditions they need are there.
        estimator: key into ESTIMATORS.
        context: data set, backbone, mode, selection rule, protocol, ladder: each one value.
    """

    setting: str
    metric: MetricInfo
    task: str
    shots: int | None
    levels: tuple[LevelColumn, ...]
    rows: tuple[Row, ...]
    reference: frozenset[str]
    entries: dict[tuple[Row, int], Entry]
    draws: dict[Row, int]
    ags: AgsColumn
    separation: Separation
    intervals: dict[tuple[Row, int], Estimate]
    against_frozen: FrozenTests
    shares: Shares
    estimator: str
    context: dict[str, str]

    @property
    def heading(self) -> str:
        """The setting in words, with its id: what a table is headed with among others."""
        c = self.context
        words = f"{c['dataset']}, ladder {c['ladder']}, backbone {c['backbone']}"
        return f"{words} ({self.setting})"

    def without_intervals(self) -> Summary:
        """The same, shown without the intervals of its values; AGS keeps its own."""
        return replace(self, intervals={})

    @property
    def methods(self) -> tuple[Row, ...]:
        """The rows that are compared: the forward ones."""
        return tuple(row for row in self.rows if row.forward)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the methods, in the table's order."""
        return tuple(row.label for row in self.methods)

    def entry(self, row: Row | str, level: int) -> Entry | None:
        """A place of the table; a label stands for its forward row."""
        return self.entries.get((Row(row) if isinstance(row, str) else row, level))

    def title(self, row: Row) -> str:
        """What a row is called."""
        if row.forward:
            return row.label
        draws = self.draws.get(row, 0)
        count = f" ({draws} draw{'s' if draws > 1 else ''})" if draws else ""
        return f"{row.label} · {row.condition}{count}"

    def is_reference(self, row: Row) -> bool:
        """Whether a row is there to compare with: it does not train, or is no forward row."""
        return not row.forward or row.label in self.reference

    @property
    def seed_counts(self) -> tuple[int, ...]:
        """Different numbers of seeds behind the trained methods' entries, ascending."""
        trained = {e.seeds for (row, _), e in self.entries.items() if not self.is_reference(row)}
        return tuple(sorted(trained))

    def best(self, column: Column) -> frozenset[Row]:
        """The methods with the best mean of a level, or with the best AGS."""
        if column == "ags":
            return self.metric.best({row: one.value for row, one in self.ags.entries.items()})
        return self.metric.best(
            {row: e.mean for (row, at), e in self.entries.items() if at == column and row.forward}
        )

    def tied(self, column: Column) -> frozenset[Row]:
        """The methods marked as not told from the best of a column."""
        return self.separation.tied.get(column, frozenset())
