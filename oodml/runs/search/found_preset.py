"""Choices as a file of presets that says how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oodml._version import __version__
from oodml.core.files import write_text
from oodml.methods import create_method
from oodml.runs.plan.spec import PROTOCOL_VERSION, BenchmarkSpec
from oodml.runs.search.choice import Choice
from oodml.runs.search.lines import inline_table, score_text, toml_value
from oodml.runs.search.points import is_training

_SEARCHED = "chosen on validation classes"
_FIXED = "fixed in the searched spec"


def write_preset(path: Path, choices: Sequence[Choice], spec: BenchmarkSpec, command: str) -> None:
    """Write ``preset_text`` atomically."""
    write_text(path, preset_text(choices, spec, command))


def preset_text(choices: Sequence[Choice], spec: BenchmarkSpec, command: str) -> str:
    """A TOML file of presets, one a method: ``preset = "FILE#KEY"`` in a spec takes it.

    Searched values have certainty "searched"; what the spec fixes for the method is a "stand-in".
    Training settings that the spec gives to all methods are not in it: they are the spec's.

    Args:
        spec: the spec that was searched.
        command: what found them.
    """
    found_by = {
        "command": command,
        "spec": spec.name,
        "spec_sha256": spec.sha256,
        "protocol": PROTOCOL_VERSION,
        "oodml": __version__,
    }
    names: dict[str, int] = {}
    parts = []
    for choice in choices:
        name = str((choice.entry or {"name": choice.method})["name"])
        names[name] = names.get(name, 0) + 1
        key = name if names[name] == 1 else f"{name}-{names[name]}"
        parts.append(_table(key, name, choice, found_by))
    return "\n".join(["# Chosen on validation classes; no test item was opened.", *parts])


def _table(key: str, name: str, choice: Choice, found_by: Mapping[str, str]) -> str:
    edge = f" At an end of what was searched: {', '.join(choice.at_edge)}." * bool(choice.at_edge)
    note = f"{score_text(choice)} on validation classes, best of {len(choice.scores)}.{edge}"
    values = _values(name, choice)
    training = {k: v for k, v in values.items() if is_training(k)}
    others = {k: v for k, v in values.items() if k not in training}
    lines = [
        f"[{key}]",
        f"method = {toml_value(name)}",
        f"note = {toml_value(note)}",
        f"found_by = {inline_table(found_by)}",
    ]
    for table, listed in (("hyper_parameters", others), ("training", training)):
        if listed:
            lines.append(f"[{key}.{table}]")
            lines += [f"{k} = {inline_table(v)}" for k, v in listed.items()]
    return "\n".join(lines) + "\n"


def _values(name: str, choice: Choice) -> dict[str, dict[str, Any]]:
    """What the spec changed for the method, then what was searched."""
    entry = choice.entry or {}
    defaults = create_method(name).hyper_parameters
    fixed = {k: v for k, v in entry.items() if k in defaults and v != defaults[k]}
    fixed |= entry.get("training", {})
    found = {k: _value(v, "stand-in", _FIXED) for k, v in fixed.items() if k not in choice.values}
    return found | {k: _value(v, "searched", _SEARCHED) for k, v in choice.values.items()}


def _value(value: Any, certainty: str, source: str) -> dict[str, Any]:
    return {"value": value, "certainty": certainty, "source": source}
