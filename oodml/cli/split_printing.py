"""How ``oodml split`` commands show ladders and their differences."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from oodml.core.console import say, show

if TYPE_CHECKING:
    from oodml.shift.ladder.diff import LadderDiff
    from oodml.shift.ladder.model import Ladder
    from oodml.shift.measuring import LadderMeasurement


def print_ladder(ladder: Ladder, folder: Path, as_json: bool) -> None:
    """A table with a row a level, what was left out, and the ladder's hash."""
    if as_json:
        typer.echo(json.dumps(_summary(ladder, folder), indent=2, ensure_ascii=False))
        return
    from rich.box import SIMPLE
    from rich.table import Table

    title = f"{ladder.name}: {ladder.dataset or 'unnamed data'}, {ladder.measure}"
    table = Table(title=title, box=SIMPLE, padding=(0, 0, 0, 1), pad_edge=False)
    for column in ("level", "shift", "target", "train", "val", "test"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("train images", justify="right")
    table.add_column("test images", justify="right")
    table.add_column(" reached by", no_wrap=True)
    for level in ladder.levels:
        counts = level.counts
        missed = "" if level.reached else " *"
        table.add_row(
            str(level.index),
            "not measured" if math.isnan(level.shift) else f"{level.shift:.4g}",
            "" if level.target is None else f"{level.target:.4g}{missed}",
            str(counts["train_classes"]),
            str(counts["val_classes"]),
            str(counts["test_classes"]),
            str(counts["train_images"] + counts["val_images"]) if "train_images" in counts else "",
            str(counts.get("test_images", "")),
            f" {level.stage} {level.step}" if level.stage else "",
        )
    show(table)
    if not all(level.reached for level in ladder.levels):
        say("* more than 1 % from its target")
    for name, reason in list(ladder.left_out.items())[:5]:
        text = f"{name} ({reason})" if name else reason
        say(f"left out: {text}")
    if len(ladder.left_out) > 5:
        say(f"... and {len(ladder.left_out) - 5} more classes left out")
    _print_few(ladder)
    say(f"sha256 {ladder.sha256}\n{folder}")


def _print_few(ladder: Ladder) -> None:
    if ladder.episode_table is None:
        say("no few-shot episodes")
        return
    for shots in ladder.episode_table.all_shots:
        few = {n for level in ladder.levels for n in ladder.too_few_images(level.index, shots)}
        if few:
            say(f"{shots}-shot episodes leave out {len(few)} classes with too few images")


def _summary(ladder: Ladder, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "name": ladder.name,
        "dataset": ladder.dataset,
        "generator": ladder.generator,
        "measure": ladder.measure,
        "seed": ladder.seed,
        "features": dict(ladder.features),
        "sha256": ladder.sha256,
        "left_out": dict(ladder.left_out),
        "levels": [
            {
                "index": level.index,
                "shift": _number(level.shift),
                "shifts": dict(level.shifts),
                "target": level.target,
                "reached": level.reached,
                "counts": dict(level.counts),
                "stage": level.stage,
                "step": level.step,
            }
            for level in ladder.levels
        ],
    }


def print_measurement(
    ladder: Ladder, found: LadderMeasurement, seen_through: str, as_json: bool
) -> None:
    """A table with a row a measure: its value at every level and Kendall's tau."""
    if as_json:
        levels = [dict(zip(found.names, row, strict=True)) for row in found.values.tolist()]
        tau = {name: _number(value) for name, value in zip(found.names, found.tau, strict=True)}
        typer.echo(json.dumps({"levels": levels, "kendall_tau": tau}, indent=2))
        return
    from rich.box import SIMPLE
    from rich.table import Table

    title = f"{ladder.name} seen through {seen_through}, by level"
    table = Table(title=title, box=SIMPLE, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("measure", no_wrap=True)
    for column in (*(str(level.index) for level in ladder.levels), "tau"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, values, value in zip(found.names, found.values.T, found.tau, strict=True):
        shown = "" if math.isnan(value) else f"{value:.2f}"
        table.add_row(name, *(f"{value:.3g}" for value in values), shown)
    show(table)
    say("tau: Kendall's tau-b between the measure and the order of the levels")


def print_diff(found: LadderDiff, as_json: bool) -> None:
    """Fields that differ and a table with a row a level."""
    if as_json:
        typer.echo(json.dumps(_diff_summary(found), indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    for key, (one, other) in found.fields.items():
        say(f"{key}: {one} | {other}")
    table = Table(title="test classes by level")
    for column in ("level", "shift 1", "shift 2", "only in 1", "only in 2", "overlap", "lists"):
        table.add_column(column, justify="right")
    for level in found.levels:
        shifts = ["" if _number(value) is None else f"{value:.4g}" for value in level.shift]
        table.add_row(
            str(level.index),
            *shifts,
            str(len(level.only_first)),
            str(len(level.only_second)),
            f"{level.overlap:.0%}",
            "same" if level.same_lists else "differ",
        )
    show(table)
    say(f"episodes: {'same' if found.same_episodes else 'differ'}")


def _diff_summary(found: LadderDiff) -> dict[str, Any]:
    return {
        "same_splits": found.same_splits,
        "same_episodes": found.same_episodes,
        "fields": {key: list(values) for key, values in found.fields.items()},
        "levels": [
            {
                "index": level.index,
                "shift": [_number(value) for value in level.shift],
                "only_first": list(level.only_first),
                "only_second": list(level.only_second),
                "overlap": level.overlap,
                "same_lists": level.same_lists,
            }
            for level in found.levels
        ],
    }


def _number(value: float | None) -> float | None:
    """For JSON, which has no NaN."""
    return None if value is None or math.isnan(value) else value
