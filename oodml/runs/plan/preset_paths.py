"""Presets of users in specs: files whose paths are relative to the spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml.methods.presets import is_file_name
from oodml.runs.plan.sections import MethodEntry


def from_file(entry: MethodEntry) -> bool:
    """Whether an entry's preset stands in a file of the user's."""
    return entry.preset is not None and is_file_name(entry.preset)


def presets_beside(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A spec as it was read, with the files of its methods' presets found from ``folder``.

    What is not of the expected form is left as it is, for the checks to name.
    """
    methods = raw.get("methods")
    if not isinstance(methods, list):
        return raw
    return {**raw, "methods": [_placed(one, folder) for one in methods]}


def _placed(entry: Any, folder: Path) -> Any:
    preset = entry.get("preset") if isinstance(entry, dict) else None
    if not isinstance(preset, str) or not is_file_name(preset):
        return entry
    return {**entry, "preset": str(folder / preset)}
