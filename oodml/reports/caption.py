"""What stands below a table: everything its numbers depend on and what its marks mean."""

from __future__ import annotations

from oodml.reports.conditions import in_order, meaning
from oodml.reports.separation import SIGNIFICANCE
from oodml.reports.spreads import ESTIMATORS
from oodml.reports.summary import Summary

MARK = "†"


def caption(summary: Summary) -> str:
    """One paragraph; a sentence for each thing a reader must know."""
    sentences = [_context(summary), _bold(summary), _marks(summary), _ags(summary)]
    return " ".join(text for text in [*sentences, _conditions(summary)] if text)


def metric_text(summary: Summary) -> str:
    """The metric with its task, where that is not plain retrieval, and how to read it."""
    details = [] if summary.task == "retrieval" else [summary.task]
    if summary.shots is not None and str(summary.shots) not in summary.metric.name:
        details.append(f"{summary.shots} shot{'s' if summary.shots > 1 else ''}")
    name = summary.metric.name + (f", {' '.join(details)}" if details else "")
    return name + summary.metric.reading


def _context(summary: Summary) -> str:
    c = summary.context
    seeds = " or ".join(map(str, summary.seed_counts)) or "no"
    spread = (
        f"± {ESTIMATORS[summary.estimator][0]} (n = {seeds})"
        if any(n > 1 for n in summary.seed_counts)
        else "one seed, no ±"
    )
    unfair = "" if c["selection_fair"] != "False" else " (which looked at the test side)"
    return (
        f"{metric_text(summary)} on {c['dataset']}, ladder {c['ladder']} "
        f"({c['ladder_sha256'][:12]}); backbone {c['backbone']}, mode {c['mode']}, selection "
        f"{c['selection']}{unfair}; {spread}; protocol {c['protocol']}."
    )


def _bold(summary: Summary) -> str:
    if summary.metric.higher_is_better is None:
        return "Neither end of this metric is better, so nothing is marked as best."
    if not summary.methods:
        return ""
    return f"Bold: the {summary.metric.best_word} mean of a column, and no more than that."


def _marks(summary: Summary) -> str:
    if summary.metric.higher_is_better is None or len(summary.methods) < 2:
        return ""
    separation = summary.separation
    if separation.missing is not None:
        return f"Differences from the best are not tested: {separation.missing}."
    best = f"the {summary.metric.best_word} mean"
    untested = [f"level {c.level}" for c in summary.levels if c.level not in separation.tied]
    if summary.ags.entries and "ags" not in separation.tied:
        untested.append("AGS")
    without = f" (not tested: {', '.join(untested)})" if untested else ""
    return (
        f"{MARK}: not told from {best} of the column{without}, at {100 * SIGNIFICANCE:g} %, by a "
        "paired permutation test over the test classes, trainings as given; p-values corrected "
        "by Holm for all pairs of methods in the column."
    )


def _ags(summary: Summary) -> str:
    column = summary.ags
    if not column.defined or not summary.methods:
        return ""
    meant = f"AGS: area under {summary.metric.name} over shift, shift rescaled to [0, 1]"
    if column.interval == "none":
        why = "it takes two seeds or values by class"
        why = f"no interval: {why}" if column.entries else "no method has all levels"
        return f"{meant}; {why}."
    known = {row: e.estimator for row, e in column.entries.items() if e.low == e.low}
    trained = {name for row, name in known.items() if not summary.is_reference(row)}
    names = sorted(trained or set(known.values()))
    return f"{meant}; in brackets the 95 % interval ({' or '.join(names)})."


def _conditions(summary: Summary) -> str:
    shown = in_order(row.condition for row in summary.rows if not row.forward)
    if not shown:
        return ""
    meanings = [f"{one}: {meaning(one)}" for one in shown if meaning(one)]
    return "Rows below the methods are to compare with" + (
        f" ({'; '.join(meanings)})." if meanings else "."
    )
