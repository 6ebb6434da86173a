"""A preset: values of a method for a data set, each with its source and certainty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from oodml.methods.method import Method
from oodml.methods.registry import create_method

CERTAINTIES: dict[str, str] = {
    "read": "read in a text, in code or in a data file",
    "image": "read from an image of a table",
    "digitised": "measured from an image of a plot",
    "unverified": "recalled or inferred",
    "stand-in": "not known; a value that does",
    "searched": "chosen on validation classes",
}


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
        found_by: of a preset that a search wrote: the command, the spec's name and hash, the
            protocol and the version of oodml.
    """

    name: str
    method: str
    hyper_parameters: dict[str, PresetValue]
    training: dict[str, PresetValue]
    note: str
    found_by: dict[str, str] = field(default_factory=dict)

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
