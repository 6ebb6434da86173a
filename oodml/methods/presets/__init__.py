"""Presets: a paper's values for a method and a data set, each with its source and certainty.

``sec/cub200/triplet`` is the table ``triplet`` of the file ``sec/cub200.toml`` in this folder.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.methods.method import Method
from oodml.methods.registry import create_method

CERTAINTIES = ("read", "image", "digitised", "unverified", "stand-in")


@dataclass(frozen=True)
class PresetValue:
    """A value, how certain it is that the paper used it, and where that was seen."""

    value: Any
    certainty: str
    source: str


@dataclass(frozen=True)
class Preset:
    """Values of a method for a data set.

    Attributes:
        name: ``paper/data set/key``.
        method: a name that ``create_method`` knows.
        hyper_parameters, training: values by name; those that are missing keep their defaults.
        note: what a reader must know, for instance what the sources leave open.
    """

    name: str
    method: str
    hyper_parameters: dict[str, PresetValue]
    training: dict[str, PresetValue]
    note: str

    def create(self) -> Method:
        """The method with the preset's hyper-parameters."""
        return create_method(self.method, **self.values)

    @property
    def values(self) -> dict[str, Any]:
        """Plain hyper-parameters."""
        return {key: one.value for key, one in self.hyper_parameters.items()}

    @property
    def training_values(self) -> dict[str, Any]:
        """Plain training settings."""
        return {key: one.value for key, one in self.training.items()}


def list_presets() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(_all())


def load_preset(name: str) -> Preset:
    """The preset called ``name``; UsageError with near names when there is none."""
    if name not in _all():
        raise UsageError(f"unknown preset {shown(name)}; {name_hint(name, _all())}", key="preset")
    return _all()[name]


def presets_of(method: str) -> list[str]:
    """Names of the presets of a method."""
    return [name for name, preset in sorted(_all().items()) if preset.method == method]


@cache
def _all() -> dict[str, Preset]:
    root = Path(__file__).parent
    found = {}
    for path in sorted(root.glob("*/*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for key, table in content.items():
            name = f"{path.parent.name}/{path.stem}/{key}"
            found[name] = Preset(
                name,
                table["method"],
                _values(name, table.get("hyper_parameters", {})),
                _values(name, table.get("training", {})),
                table.get("note", ""),
            )
    return found


def _values(name: str, table: dict[str, dict[str, Any]]) -> dict[str, PresetValue]:
    values = {key: PresetValue(**entry) for key, entry in table.items()}
    for key, one in values.items():
        if one.certainty not in CERTAINTIES:
            raise UsageError(f"preset {name}: {key} has certainty {one.certainty!r}")
    return values
