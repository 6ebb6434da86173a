"""What stands below a table: everything its numbers depend on and what its marks mean."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oodml.evaluation import Estimate
from oodml.reports.conditions import in_order, meaning
from oodml.reports.separation import SIGNIFICANCE
from oodml.reports.spreads import ESTIMATORS
from oodml.reports.summary import Summary

MARK = "†"
MISSING = "–"


def caption(summary: Summary) -> str:
    """One paragraph; a sentence for each thing a reader must know."""
    sentences = [
        _context(summary),
        _intervals(summary),
        _bold(summary),
        _marks(summary),
        _ags(summary),
    ]
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


def parted_estimators(estimates: Iterable[Estimate]) -> str:
    """The estimators' names without their counts, each once: counts differ between levels."""
    names = {
        re.sub(r"\d+( \+ \d+)? (classes|seeds|episodes)", r"\2", e.estimator) for e in estimates
    }
    return " or ".join(sorted(re.sub(r"\(\d+ drawn\)", "(S - 1 drawn)", name) for name in names))


def _intervals(summary: Summary) -> str:
    if not summary.intervals:
        return ""
    names = parted_estimators(summary.intervals.values())
    levels = " or ".join(sorted({f"{100 * one.level:g} %" for one in summary.intervals.values()}))
    over = "test classes" if "classes" in names else "what one run was scored on"
    averaged = ", trainings averaged" if any(n > 1 for n in summary.seed_counts) else ""
    return (
        f"[ ]: {levels} interval over {over}{averaged} ({names}): what other classes like these "
        "could give, where ± is what other trainings could."
        if over == "test classes"
        else f"[ ]: {levels} interval over {over} ({names})."
    )


def _bold(summary: Summary) -> str:
    if summary.metric.higher_is_better is None:
        return "Neither end of this metric is better, so nothing is marked as best."
    if not summary.methods:
        return ""
    bold = f"Bold: the {summary.metric.best_word} mean of a column"
    if summary.separation.missing is None and len(summary.methods) > 1:
        return f"{bold} and what is not told from it."
    return f"{bold}, and no more than that."


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
