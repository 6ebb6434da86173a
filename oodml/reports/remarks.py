"""What a reader should not miss: said in words, from the numbers, favourable or not."""

from __future__ import annotations

from oodml.reports.summary import Summary


def remarks(summary: Summary) -> list[str]:
    """Sentences about a summary: how hard the levels are by themselves, who falls below frozen."""
    reference = "frozen"
    if reference not in summary.reference or len(summary.levels) == 0:
        return []
    said = [
        text for text in (_own_difficulty(summary, reference), _below(summary, reference)) if text
    ]
    said += _relative(summary, reference)
    return said


def _own_difficulty(summary: Summary, reference: str) -> str | None:
    first, last = summary.levels[0], summary.levels[-1]
    start = summary.entries.get((reference, first.level))
    end = summary.entries.get((reference, last.level))
    if first is last or start is None or end is None or start.mean <= 0:
        return None
    change = end.mean / start.mean - 1
    return (
        f"Frozen features, which never saw a training class, go from {100 * start.mean:.1f} to "
        f"{100 * end.mean:.1f} ({100 * change:+.1f} %) between the first and the last level: that "
        "much of any change is the test classes' own difficulty, not shift."
    )


def _below(summary: Summary, reference: str) -> str | None:
    found = []
    for label in summary.labels:
        if label in summary.reference:
            continue
        levels = [
            str(column.level)
            for column in summary.levels
            if (label, column.level) in summary.entries
            and (reference, column.level) in summary.entries
            and summary.entries[label, column.level].mean
            < summary.entries[reference, column.level].mean
        ]
        if levels:
            found.append(f"{label} (level {', '.join(levels)})")
    if not found:
        return None
    return (
        "Below the frozen backbone, so training made retrieval worse there: "
        + "; ".join(found)
        + "."
    )


def _relative(summary: Summary, reference: str) -> list[str]:
    """How the gain over frozen changes along the ladder: the part that shift explains."""
    first, last = summary.levels[0].level, summary.levels[-1].level
    if first == last:
        return []
    parts = []
    for label in summary.labels:
        needed = [(label, first), (reference, first), (label, last), (reference, last)]
        if label in summary.reference or any(key not in summary.entries for key in needed):
            continue
        gain = [
            100 * (summary.entries[label, at].mean - summary.entries[reference, at].mean)
            for at in (first, last)
        ]
        parts.append(f"{label} {gain[0]:+.1f} -> {gain[1]:+.1f}")
    if not parts:
        return []
    return ["Points over frozen, first -> last level: " + "; ".join(parts) + "."]
