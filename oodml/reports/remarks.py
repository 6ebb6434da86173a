"""What a reader should not miss: said in words, from the numbers, favourable or not."""

from __future__ import annotations

from oodml.reports.summary import Summary

_REFERENCE = "frozen"


def remarks(summary: Summary) -> list[str]:
    """Sentences about the forward rows: how hard the levels are by themselves, who loses to frozen."""
    if _REFERENCE not in summary.reference or not summary.levels:
        return []
    said = [_own_difficulty(summary), _worse(summary), _relative(summary)]
    return [text for text in said if text]


def _own_difficulty(summary: Summary) -> str | None:
    first, last = summary.levels[0], summary.levels[-1]
    start, end = summary.entry(_REFERENCE, first.level), summary.entry(_REFERENCE, last.level)
    if first is last or start is None or end is None or start.mean <= 0:
        return None
    change = end.mean / start.mean - 1
    return (
        f"Frozen features, which never saw a training class, go from {_short(summary, start.mean)} "
        f"to {_short(summary, end.mean)} ({100 * change:+.1f} %) between the first and the last "
        "level: that much of any change is the test classes' own difficulty, not shift."
    )


def _worse(summary: Summary) -> str | None:
    found = []
    for row in summary.methods:
        if summary.is_reference(row):
            continue
        levels = []
        for column in summary.levels:
            entry = summary.entry(row, column.level)
            frozen = summary.entry(_REFERENCE, column.level)
            if entry and frozen and summary.metric.worse(entry.mean, frozen.mean):
                levels.append(str(column.level))
        if levels:
            found.append(f"{row.label} (level {', '.join(levels)})")
    if not found:
        return None
    if summary.metric.higher_is_better:
        start = "Below the frozen backbone"
        if summary.metric.unit == "share":
            start += ", so training made retrieval worse there"
    else:
        start = "Above the frozen backbone, where lower is better"
    return f"{start}: {'; '.join(found)}."


def _relative(summary: Summary) -> str | None:
    """How the gain over frozen changes along the ladder: the part that shift explains."""
    first, last = summary.levels[0].level, summary.levels[-1].level
    if first == last:
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


def _gain(summary: Summary, label: str, level: int) -> str | None:
    entry, frozen = summary.entry(label, level), summary.entry(_REFERENCE, level)
    if entry is None or frozen is None:
        return None
    gain = summary.metric.scale * (entry.mean - frozen.mean)
    return f"{gain:+.1f}" if summary.metric.unit == "share" else f"{gain:+.3g}"


def _short(summary: Summary, value: float) -> str:
    return f"{100 * value:.1f}" if summary.metric.unit == "share" else summary.metric.number(value)
