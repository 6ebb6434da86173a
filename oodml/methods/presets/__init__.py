"""Presets: a paper's values for a method and a data set, each with its source and certainty.

``sec/cub200/triplet`` is the table ``triplet`` of the file ``sec/cub200.toml`` in this folder.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.methods.presets.files import is_file_name, preset_of_file, presets_in
from oodml.methods.presets.preset import CERTAINTIES, Preset, PresetValue

__all__ = [
    "CERTAINTIES",
    "Preset",
    "PresetValue",
    "is_file_name",
    "list_presets",
    "load_preset",
    "presets_of",
]


def list_presets() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(_all())


def load_preset(name: str) -> Preset:
    """The preset called ``name``, or that of a file of the user's: ``path.toml#key``.

    The key may be left out where the file holds one preset.

    Raises:
        UsageError: an unknown name, with near names; or a file that cannot be read as presets.
    """
    if is_file_name(name):
        return preset_of_file(name)
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
        folder = f"{path.parent.name}/{path.stem}"
        for key, one in presets_in(path).items():
            found[f"{folder}/{key}"] = replace(one, name=f"{folder}/{key}")
    return found
