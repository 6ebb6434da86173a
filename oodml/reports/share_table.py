"""The transfer share as a document: methods x levels in Markdown, or everything in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from oodml.core.errors import OodmlError, UsageError
from oodml.evaluation import Estimate
from oodml.reports.formats.comma_separated import without_formulas
from oodml.reports.formats.markdown import escape
from oodml.reports.share_text import share_caption, share_rows
from oodml.reports.summary import Summary

SHARE_FORMATS = ("csv", "markdown")
_COLUMNS = (
    "setting", "method", "level", "shift", "metric", "task", "decidable",
    "share", "share_low", "share_high", "gain", "gain_low", "gain_high",
    "room", "room_low", "room_high", "confidence", "classes", "estimator",
)  # fmt: skip


def with_shares(summaries: Sequence[Summary]) -> list[Summary]:
    """The summaries that have shares.

    Raises:
        OodmlError: none of them has; says what each lacks.
    """
    found = [summary for summary in summaries if summary.shares.entries]
    if not found:
        lacks = "; ".join(f"{one.setting}: {one.shares.missing}" for one in summaries)
        raise OodmlError(
            f"no transfer share ({lacks}). It takes the conditions held-out and ceiling of a method, "
            "ceiling of frozen, the task retrieval, and the cells' values by class beside the results"
        )
    return found


def render_share(summaries: Summary | Sequence[Summary], format: str) -> str:
    """Transfer shares of one setting, or several, as text.

    Raises:
        UsageError: another format than those of SHARE_FORMATS.
    """
    many = [summaries] if isinstance(summaries, Summary) else list(summaries)
    if format == "csv":
        return _comma_separated(many)
    if format == "markdown":
        heads = [f"## {escape(one.heading)}\n\n" if len(many) > 1 else "" for one in many]
        return "\n".join(head + _markdown(one) for head, one in zip(heads, many, strict=True))
    raise UsageError(f"format {format!r} of shares: expected one of {', '.join(SHARE_FORMATS)}")


def _markdown(summary: Summary) -> str:
    lines = [
        "| transfer share (%) | " + " | ".join(f"level {c.level}" for c in summary.levels) + " |",
        "|---" * (len(summary.levels) + 1) + "|",
        "| *shift* | " + " | ".join(f"*{c.shift:.4g}*" for c in summary.levels) + " |",
    ]
    lines += ["| " + " | ".join([escape(t), *cells]) + " |" for t, cells in share_rows(summary)]
    return "\n".join([*lines, "", escape(share_caption(summary))]) + "\n"


def _comma_separated(summaries: Sequence[Summary]) -> str:
    """A line a setting, method and level, as fractions at full precision."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for summary in summaries:
        writer.writerows(map(without_formulas, _lines(summary)))
    return out.getvalue()


def _lines(summary: Summary) -> Iterator[dict[str, object]]:
    for label, _ in share_rows(summary):
        for column in summary.levels:
            found = summary.shares.entries.get((label, column.level))
            if found is None:
                continue
            line: dict[str, object] = {
                "setting": summary.setting,
                "method": label,
                "level": column.level,
                "shift": repr(column.shift),
                "metric": summary.metric.name,
                "task": summary.task,
                "decidable": "yes" if found.decidable else "no",
                "confidence": found.share.level,
                "classes": found.share.n,
                "estimator": found.share.estimator,
            }
            if found.decidable:
                line |= _numbers("share", found.share)
            yield line | _numbers("gain", found.gain) | _numbers("room", found.room)


def _numbers(name: str, one: Estimate) -> dict[str, object]:
    found = {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return {key: repr(value) for key, value in found.items() if value == value}
