"""What the options of ``oodml search`` say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oodml.core.errors import UsageError
from oodml.core.values import shown

if TYPE_CHECKING:
    from oodml.runs.search import Range


def parsed_grid(texts: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """``NAME=VALUE,VALUE,...`` each to values by name."""
    return dict(map(_parsed_points, texts))


def parsed_ranges(texts: Sequence[str]) -> dict[str, Range]:
    """``NAME=LOW,HIGH`` or ``NAME=LOW,HIGH,log`` each to a range by name."""
    return dict(map(_parsed_range, texts))


def split_names(flag: str, text: str | None) -> list[str] | None:
    """Names between commas; UsageError for none at all."""
    if text is None:
        return None
    names = [one.strip() for one in text.split(",") if one.strip()]
    if not names:
        raise UsageError(f"{flag} {shown(text)}: expected NAME,NAME,...")
    return names


def split_numbers(flag: str, text: str | None) -> list[int] | None:
    """Whole numbers between commas; UsageError for anything else."""
    names = split_names(flag, text)
    if names is None:
        return None
    if not all(one.isdecimal() for one in names):
        raise UsageError(f"{flag} {shown(text)}: expected whole numbers between commas")
    return [int(one) for one in names]


def _parsed_points(text: str) -> tuple[str, tuple[object, ...]]:
    name, _, values = text.partition("=")
    if not name or not values:
        raise UsageError(f"--grid {shown(text)}: expected NAME=VALUE,VALUE,...")
    return name.strip(), tuple(_value(one.strip()) for one in values.split(","))


def _parsed_range(text: str) -> tuple[str, Range]:
    import math

    from oodml.runs.search import Range

    name, _, values = text.partition("=")
    ends = [one.strip() for one in values.split(",")]
    log = ends[-1] == "log"
    try:
        low, high = map(float, ends[: len(ends) - log])
    except ValueError:
        low = high = math.nan
    if not name or not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(
            f"--range {shown(text)}: expected NAME=LOW,HIGH or NAME=LOW,HIGH,log with numbers"
        )
    return name.strip(), Range(low, high, log)


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
