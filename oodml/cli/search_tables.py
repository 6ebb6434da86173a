"""Choices of a search as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oodml.core.console import say, show
from oodml.core.parameters import readable_value

if TYPE_CHECKING:
    from oodml.evaluation import Estimate
    from oodml.runs.search import Choice

_SHOWN = 10  # points of a table; all stand in chosen.json


def choices_json(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """For each method what was chosen, and every point with what it lies behind, as shares."""
    from oodml.runs.search import METRIC

    return [
        {
            "method": one.method,
            "values": one.values,
            METRIC: one.score,
            "interval": _ends(one.interval),
            "at_edge": one.at_edge,
            "points": [
                {"values": values, METRIC: score, "behind": _ends(behind)}
                for (values, score), behind in zip(
                    one.scores, one.behind or [None] * len(one.scores), strict=True
                )
            ],
        }
        for one in choices
    ]


def print_choices(choices: Sequence[Choice], what: str) -> None:
    """A table a method, the best points first.

    Args:
        what: "grid" or "range", which a value may be at an end of.
    """
    for choice in choices:
        _print_choice(choice, what)


def _print_choice(choice: Choice, what: str) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from oodml.runs.search import METRIC

    title = f"{choice.method}: {METRIC} (%) on validation classes"
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column(METRIC, justify="right")
    table.add_column("behind the best", no_wrap=True)
    table.add_column("values", overflow="fold")
    behind = choice.behind or (None,) * len(choice.scores)
    order = sorted(range(len(choice.scores)), key=lambda place: -choice.scores[place][1])
    for place in order[:_SHOWN]:
        values, score = choice.scores[place]
        chosen = values == choice.values
        written = ", ".join(f"{key} {readable_value(one)}" for key, one in values.items())
        less = "" if chosen else _percent(behind[place])
        table.add_row(f"{100 * score:.2f}", less, written, style="bold" * chosen)
    show(table)
    if len(order) > _SHOWN:
        say(f"the best {_SHOWN} of {len(order)} points; all stand in chosen.json")
    if choice.interval:
        say(f"chosen: {_percent(choice.interval)}, 95 % over {choice.interval.n} classes")
    if choice.at_edge:
        say(f"chosen at an end of the {what}: {', '.join(choice.at_edge)}; widen it")
    say("")


def _percent(one: Estimate | None) -> str:
    if one is None:
        return ""
    return f"{100 * one.value:.2f} [{100 * one.low:.2f}, {100 * one.high:.2f}]"


def _ends(one: Estimate | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "value": one.value,
        "low": one.low,
        "high": one.high,
        "level": one.level,
        "n": one.n,
        "estimator": one.estimator,
    }
