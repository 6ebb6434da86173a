"""What a reader should not miss: said in words, from the numbers, favourable or not.

No sentence says more than was measured. One number says nothing of why it changes, so frozen's change
is only told; "below frozen" needs a test; and what shift costs is said by the transfer share alone.
"""

from __future__ import annotations

from oodml.evaluation import Estimate
from oodml.reports.against_frozen import FROZEN
from oodml.reports.separation import SIGNIFICANCE
from oodml.reports.share_text import share_words
from oodml.reports.summary import Row, Summary


def remarks(summary: Summary) -> list[str]:
    """Sentences about the rows; those that need what is not there are left out."""
    if not summary.levels:
        return []
    said = [
        _frozen_change(summary),
        *_worse(summary),
        _gains(summary),
        _ceiling(summary),
        _reverse(summary),
        _transfer(summary),
    ]
    return [text for text in said if text]


def _frozen_change(summary: Summary) -> str | None:
    ends = _ends(summary, Row(FROZEN))
    if FROZEN not in summary.reference or ends is None:
        return None
    first, last = (summary.entries[Row(FROZEN), level].mean for level in _levels(summary))
    change = f" ({100 * (last / first - 1):+.1f} %)" if first > 0 else ""
    return (
        f"Frozen features, which saw no training class, go from {ends[0]} on the first level to "
        f"{ends[1]} on the last{change}. The last level tests other classes, at another distance "
        "from the training classes: this change alone cannot tell difficulty from shift."
    )


def _worse(summary: Summary) -> list[str]:
    """Who scores worse than frozen: as the test says, as it does not, and untested."""
    tests = summary.against_frozen
    kinds: dict[bool | None, dict[str, list[str]]] = {True: {}, False: {}, None: {}}
    for (row, level), one in tests.worse.items():
        text = f"level {level}: {_difference(summary, one.difference)}"
        kinds[one.told].setdefault(row.label, []).append(text)
    lower = summary.metric.higher_is_better is False
    side = "above frozen, where lower is better" if lower else "below frozen"
    count = f"{tests.pairs} pair{'s' if tests.pairs != 1 else ''} of method and level"
    heads = {
        True: f"{side[0].upper() + side[1:]}, by a paired permutation test over the test classes at "
        f"{100 * SIGNIFICANCE:g} %, trainings as given, corrected by Holm for {count}",
        False: f"Scores {side}, which that test does not tell from chance"
        if kinds[True]
        else f"Scores {side}, which a paired permutation test over the test classes, corrected by "
        f"Holm for {count}, does not tell from chance",
        None: f"Scores {side}, untested",
    }
    for kind in (True, False):
        heads[kind] += " (in brackets the uncorrected 95 % interval of the difference)"
    labels = [row.label for row in summary.methods]
    return [
        f"{heads[kind]}: "
        + "; ".join(f"{label} ({', '.join(found[label])})" for label in labels if label in found)
        + "."
        for kind, found in kinds.items()
        if found
    ]


def _gains(summary: Summary) -> str | None:
    """Numbers, and no word on why they change."""
    first, last = _levels(summary)
    if first == last or FROZEN not in summary.reference:
        return None
    parts = []
    for row in summary.methods:
        gains = [_gain(summary, row.label, at) for at in (first, last)]
        if not summary.is_reference(row) and None not in gains:
            parts.append(f"{row.label} {' -> '.join(gain for gain in gains if gain)}")
    if not parts:
        return None
    points = "Points" if summary.metric.unit == "share" else "Difference"
    lower = " (lower is better)" if summary.metric.higher_is_better is False else ""
    return f"{points} over frozen{lower}, first -> last level: {'; '.join(parts)}."


def _ceiling(summary: Summary) -> str | None:
    """What happens on the same test classes where there is no shift at all."""
    base = _ends(summary, Row(FROZEN, "ceiling"))
    found = [
        f"{row.label} {' -> '.join(ends)}"
        for row in summary.rows
        if row.condition == "ceiling"
        and row.label not in summary.reference
        and (ends := _ends(summary, row)) is not None
    ]
    if base is None or not found:
        return None
    return (
        "Trained on other images of the test classes, so without class shift (ceiling), first -> last "
        f"level: {'; '.join(found)}; frozen on the same images {' -> '.join(base)}."
    )


def _reverse(summary: Summary) -> str | None:
    """Frozen on either side of the last level, where the two intervals lie apart."""
    level = _levels(summary)[1]
    here, there = Row(FROZEN), Row(FROZEN, "reverse")
    one, other = (summary.intervals.get((row, level)) for row in (here, there))
    if FROZEN not in summary.reference or one is None or other is None or not _apart(one, other):
        return None
    return (
        f"Frozen features score {_value(summary, here, level)} on the test classes of the last level "
        f"and {_value(summary, there, level)} on its training classes (reverse). The distance is "
        "the same both ways and nothing was trained: the gap is how hard either side is, its number "
        "of classes included."
    )


def _transfer(summary: Summary) -> str | None:
    """The one remark that speaks of shift."""
    first, last = _levels(summary)
    parts = []
    for row in summary.methods:
        shares = [summary.shares.entries.get((row.label, at)) for at in (first, last)]
        if first == last or shares[0] is None or shares[1] is None:
            continue
        if not (shares[0].decidable and shares[1].decidable):
            continue
        one, other = shares[0].share, shares[1].share
        verdict = "no change shown"
        if _apart(one, other):
            verdict = "less is transferred" if other.value < one.value else "more is transferred"
        parts.append(f"{row.label} {share_words(one)} -> {share_words(other)} ({verdict})")
    if not parts:
        return None
    return (
        "Transfer share (the part of the ceiling's gain over frozen that training on the other side "
        "of the level brings), first -> last level: "
        + "; ".join(parts)
        + ". Method, ceiling and frozen are scored on the same images, whose difficulty cancels: this "
        "is the number that speaks of shift. A change is called one only where the two 95 % "
        "intervals lie apart."
    )


def _levels(summary: Summary) -> tuple[int, int]:
    return summary.levels[0].level, summary.levels[-1].level


def _apart(one: Estimate, other: Estimate) -> bool:
    return one.high < other.low or other.high < one.low


def _ends(summary: Summary, row: Row) -> tuple[str, str] | None:
    """A row's values on the first and the last level; None where one is missing or both are one."""
    first, last = _levels(summary)
    if first == last or not all((row, at) in summary.entries for at in (first, last)):
        return None
    return _value(summary, row, first), _value(summary, row, last)


def _value(summary: Summary, row: Row, level: int) -> str:
    """A mean with its interval, where there is one."""
    metric, interval = summary.metric, summary.intervals.get((row, level))
    text = metric.end(summary.entries[row, level].mean)
    if interval is None:
        return text
    return f"{text} [{metric.end(interval.low)}, {metric.end(interval.high)}]"


def _gain(summary: Summary, label: str, level: int) -> str | None:
    entry, frozen = summary.entry(label, level), summary.entry(FROZEN, level)
    if entry is None or frozen is None:
        return None
    return _signed(summary, entry.mean - frozen.mean)


def _difference(summary: Summary, difference: Estimate) -> str:
    text = _signed(summary, difference.value)
    if difference.low != difference.low:
        return text
    return f"{text} [{_signed(summary, difference.low)}, {_signed(summary, difference.high)}]"


def _signed(summary: Summary, value: float) -> str:
    scaled = summary.metric.scale * value
    return f"{scaled:+.1f}" if summary.metric.unit == "share" else f"{scaled:+.3g}"
