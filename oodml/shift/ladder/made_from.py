"""``made_from.json``: what the ladder beside it was made from, so that it is not taken for another.

``ladder.json`` says what a ladder is; this says what was asked for, in full.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oodml.core.errors import OodmlError
from oodml.core.files import read_json, write_json
from oodml.shift.ladder.model import Ladder

MADE_FROM_FILE = "made_from.json"
SCHEMA_VERSION = 1


def write_made_from(folder: Path, ladder: Ladder, arguments: Mapping[str, Any]) -> None:
    """Note what the ladder in ``folder`` was made from.

    Args:
        arguments: plain values; whatever the ladder depends on.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "ladder_sha256": ladder.sha256,
        "arguments": dict(arguments),
    }
    write_json(folder / MADE_FROM_FILE, content)


def read_made_from(folder: Path, ladder: Ladder) -> dict[str, Any] | None:
    """The arguments ``ladder`` was made from; None where the folder does not say so of this one."""
    try:
        content = read_json(folder / MADE_FROM_FILE)
    except OodmlError:
        return None
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        return None
    arguments = content.get("arguments")
    fits = content.get("ladder_sha256") == ladder.sha256 and isinstance(arguments, dict)
    return arguments if fits else None


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What differs between two sets of arguments, a text each; none where they are equal.

    >>> differences({"seed": 0, "rules": {"shots": [5]}}, {"seed": 1, "rules": {"shots": (5,)}})
    ['seed: 0 there, 1 asked for']
    """
    before, after = _flat(there), _flat(json.loads(json.dumps(wanted)))
    return [
        f"{key}: {_shown(before, key)} there, {_shown(after, key)} asked for"
        for key in sorted({*before, *after})
        if before.get(key, ...) != after.get(key, ...)
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Tables inside tables as one, with keys such as ``rules.shots``."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def _shown(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "nothing"
    text = json.dumps(values[key], ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
