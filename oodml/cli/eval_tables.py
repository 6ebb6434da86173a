"""What ``oodml eval`` prints: tables for people, JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oodml.core.console import say, show

if TYPE_CHECKING:
    from oodml.evaluation import NeighbourLists, Report

Groups = Mapping[str, str] | None


def report_json(report: Report, groups: Groups) -> dict[str, Any]:
    """The report with an interval for every metric (null where there is none), and its groups."""
    result = report.to_json()
    result["intervals"] = {
        name: {
            "low": _or_none(one.low),
            "high": _or_none(one.high),
            "level": one.level,
            "n": one.n,
            "estimator": one.estimator,
        }
        for name, one in report.intervals().items()
    }
    if groups is not None:
        result["groups"] = {name: report.per_group(name, groups) for name in report.macro}
        result["group_queries"] = report.queries_per_group(groups)
    return result


def print_report(report: Report, title: str, unused_labels: int, groups: Groups) -> None:
    """The table of all metrics, then one of the groups if there are any."""
    from rich.table import Table

    table = Table(title=title, caption=_caption(report, unused_labels), caption_justify="left")
    table.add_column("metric")
    table.add_column("mean per query", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("mean per class", justify="right")
    intervals = report.intervals()
    for name, value in report.metrics.items():
        found = intervals.get(name)
        between = f"{found.low:.4f} .. {found.high:.4f}" if found and found.low == found.low else ""
        macro = f"{report.macro[name]:.4f}" if name in report.macro else ""
        table.add_row(name, f"{value:.4f}", between, macro)
    show(table)
    for estimator in {one.estimator for one in intervals.values()}:
        say(f"interval: {estimator}")
    if groups is not None:
        _print_groups(report, groups)


def neighbours_json(lists: NeighbourLists, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Approximate scores, and what is known of how approximate they are."""
    return {
        "approximate": True,
        "metrics": dict(metrics),
        "k": lists.k,
        "index": lists.index,
        "probes": lists.probes,
        "list_recall": _or_none(lists.list_recall),
        "checked_queries": lists.checked_queries,
        "counts": _counts(lists),
        "similarity": lists.similarity,
    }


def print_neighbours(
    lists: NeighbourLists, metrics: Mapping[str, float], title: str, unused_labels: int
) -> None:
    """The table of approximate scores; its caption says what was searched and what was missed."""
    from rich.table import Table

    found = "not measured"
    if lists.checked_queries:
        found = f"{lists.list_recall:.4f}, measured on {lists.checked_queries} queries"
    probes = f" ({lists.probes} probes)" if "IVF" in lists.index else ""
    counts = _counts(lists)
    caption = (
        f"APPROXIMATE: first {lists.k} neighbours by {lists.index}{probes}, "
        f"{lists.similarity}; share of the true ones found: {found}; "
        f"{counts['queries']} queries, gallery {counts['gallery']}"
    )
    caption = "; ".join([caption, *_notes(counts, unused_labels)])
    table = Table(title=title, caption=caption, caption_justify="left")
    table.add_column("metric")
    table.add_column("mean per query, about", justify="right")
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    show(table)


def _print_groups(report: Report, groups: Mapping[str, str]) -> None:
    from rich.table import Table

    table = Table(title="by group")
    table.add_column("group")
    table.add_column("queries", justify="right")
    columns = [report.per_group(name, groups) for name in report.macro]
    for name in report.macro:
        table.add_column(name, justify="right")
    for group, count in report.queries_per_group(groups).items():
        table.add_row(group, str(count), *(f"{column[group]:.4f}" for column in columns))
    show(table)


def _caption(report: Report, unused_labels: int) -> str:
    counts = report.counts
    what = (
        f"{counts['queries']} queries of {counts['classes']} classes, "
        f"gallery {counts['gallery']}, {report.ranks.similarity}"
    )
    return "; ".join([what, *_notes(counts, unused_labels)])


def _counts(lists: NeighbourLists) -> dict[str, int]:
    """By the names that the counts of a report have."""
    return {
        "queries": int((lists.positives > 0).sum()),
        "queries_without_positives": int((lists.positives == 0).sum()),
        "unlabelled_queries": lists.unlabelled_queries,
        "gallery": int(lists.gallery_sizes.max()),
    }


def _notes(counts: Mapping[str, int], unused_labels: int) -> list[str]:
    """What a reader should know of the counts, if there is anything."""
    texts = {
        "queries_without_positives": "queries without a positive left out",
        "unlabelled_queries": "unlabelled rows are distractors only",
        "tied_positives": "positives tied with a negative (gallery order decides)",
        "unused_labels": "labels have no embedding",
    }
    known = {**counts, "unused_labels": unused_labels}
    return [f"{known[key]} {text}" for key, text in texts.items() if known.get(key)]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
