"""Presets as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from oodml.cli.catalogue_tables import option_value
from oodml.core.console import show
from oodml.methods.presets import CERTAINTIES

if TYPE_CHECKING:
    from oodml.methods.presets import Preset, PresetValue


def presets_table(presets: Iterable[Preset]) -> Table:
    """A row a preset: its hyper-parameters by certainty, and the learning rates."""
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in presets:
        rates = {key: v for key, v in one.training.items() if key.endswith("learning_rate")}
        table.add_row(one.name, _by_certainty({**one.hyper_parameters, **rates}))
    return table


def preset_json(preset: Preset) -> dict[str, Any]:
    """Everything about a preset, for JSON."""
    return {
        "name": preset.name,
        "method": preset.method,
        "note": preset.note,
        "found_by": preset.found_by,
        "hyper_parameters": _values_json(preset.hyper_parameters),
        "training": _values_json(preset.training),
    }


def print_preset(preset: Preset) -> None:
    """Values with their certainty; sources numbered below, for they are long and few."""
    show(Text(preset.name, style="bold"), f"preset of method {preset.method}")
    if preset.note:
        show("", preset.note, "")
    sources: list[str] = []
    for title, values in (
        ("hyper-parameters", preset.hyper_parameters),
        ("training settings", preset.training),
    ):
        if values:
            show(_values_table(title, values, sources))
    for place, source in enumerate(sources, start=1):
        show(f"[{place}] {source}")
    used = {one.certainty for one in (*preset.hyper_parameters.values(), *preset.training.values())}
    if used:
        meanings = [f"{name}: {CERTAINTIES[name]}" for name in CERTAINTIES if name in used]
        show("", "; ".join(meanings))
    for key, value in preset.found_by.items():
        show(f"{key}: {value}")


def _values_table(title: str, values: Mapping[str, PresetValue], sources: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("name", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("certainty", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for key, one in values.items():
        if one.source not in sources:
            sources.append(one.source)
        place = sources.index(one.source) + 1
        table.add_row(key, option_value(one.value), one.certainty, f"[{place}]")
    return table


def _by_certainty(values: Mapping[str, PresetValue]) -> str:
    parts = []
    for certainty in CERTAINTIES:
        listed = [
            f"{key} {option_value(one.value)}"
            for key, one in values.items()
            if one.certainty == certainty
        ]
        if listed:
            parts.append(f"{certainty}: {', '.join(listed)}")
    return "\n".join(parts)


def _values_json(values: Mapping[str, PresetValue]) -> dict[str, Any]:
    return {
        key: {"value": one.value, "certainty": one.certainty, "source": one.source}
        for key, one in values.items()
    }
