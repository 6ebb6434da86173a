"""Files of presets: TOML, a table each; those of oodml and those of users."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from oodml.core.errors import DataError, UsageError
from oodml.core.files import read_text
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.methods.presets.preset import CERTAINTIES, Preset, PresetValue

SHARED = "shared"  # the table of a file that belongs to all of its presets
_KEYS = {"method", "hyper_parameters", "training", "note", "found_by"}
_EXPECTED = "expected a file of presets (`oodml search --write-preset` writes one)"


def is_file_name(name: str) -> bool:
    """Whether a preset's name is a file, ``path.toml`` or ``path.toml#key``."""
    return name.partition("#")[0].endswith(".toml")


def preset_of_file(name: str) -> Preset:
    """The preset of ``path.toml#key``, or the only one of ``path.toml``; else UsageError."""
    path, _, key = name.partition("#")
    found = presets_in(Path(path))
    if not key and len(found) == 1:
        (one,) = found.values()
        return one
    if key not in found:
        what = f"no preset {shown(key)}" if key else f"{len(found)} presets; add #KEY"
        raise UsageError(f"{path} holds {what}; {name_hint(key, found)}", key="preset")
    return found[key]


def presets_in(path: Path) -> dict[str, Preset]:
    """Every preset of a file by its key.

    What the table ``shared`` holds (hyper_parameters, training, note) is part of every one; a value
    of a preset's own goes before it.

    Raises:
        UsageError: no such file, not TOML, or a table that is no preset; the key is named.
    """
    try:
        content = tomllib.loads(read_text(path))
    except DataError as error:
        raise UsageError(f"{error}; {_EXPECTED}", key="preset") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}; {_EXPECTED}", key="preset") from None
    shared = _table(str(path), SHARED, content)
    return {
        key: _preset(f"{path}#{key}", table, shared)
        for key, table in content.items()
        if key != SHARED
    }


def _preset(name: str, table: Any, shared: dict[str, Any]) -> Preset:
    if not isinstance(table, dict) or not isinstance(table.get("method"), str):
        raise UsageError(f"preset {name}: needs a text `method`; {_EXPECTED}", key="preset")
    for key in table:
        if key not in _KEYS:
            raise UsageError(
                f"preset {name}: unknown key {shown(key)}; {name_hint(key, _KEYS)}", key="preset"
            )
    parts = {
        part: {**_values(f"{name}, shared", part, shared), **_values(name, part, table)}
        for part in ("hyper_parameters", "training")
    }
    notes = [str(one["note"]) for one in (shared, table) if "note" in one]
    found_by = {key: str(value) for key, value in _table(name, "found_by", table).items()}
    return Preset(name, table["method"], **parts, note=" ".join(notes), found_by=found_by)


def _values(name: str, part: str, table: dict[str, Any]) -> dict[str, PresetValue]:
    return {
        key: _value(f"preset {name}: {part}.{key}", entry)
        for key, entry in _table(name, part, table).items()
    }


def _value(where: str, entry: Any) -> PresetValue:
    if not isinstance(entry, dict) or set(entry) != {"value", "certainty", "source"}:
        raise UsageError(f"{where}: expected {{ value, certainty, source }}", key="preset")
    if not isinstance(entry["certainty"], str) or entry["certainty"] not in CERTAINTIES:
        raise UsageError(
            f"{where}: certainty {shown(entry['certainty'])}; "
            f"expected one of {', '.join(CERTAINTIES)}",
            key="preset",
        )
    return PresetValue(entry["value"], entry["certainty"], str(entry["source"]))


def _table(name: str, part: str, table: dict[str, Any]) -> dict[str, Any]:
    found = table.get(part, {})
    if not isinstance(found, dict):
        raise UsageError(f"preset {name}: {part} must be a table, got {shown(found)}", key="preset")
    return found
