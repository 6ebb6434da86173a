"""Entries of ``[[methods]]`` -> method objects and their training settings. The one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from oodml.core.errors import UsageError
from oodml.core.fields import what_is_wrong
from oodml.core.hints import near_names
from oodml.core.parameters import readable_value
from oodml.core.values import shown
from oodml.methods import Method, create_method
from oodml.methods.presets import load_preset
from oodml.runs.plan.sections import MethodEntry
from oodml.training import TrainingSettings

# What terms may need and cached features do not give, in words.
_NOT_CACHED = {"maps": "feature maps", "trunk": "a backbone that is trained", "views": "views"}
_FROZEN = {"head": "cached features", "last-layer": "features of a frozen backbone"}


@dataclass(frozen=True)
class PlannedMethod:
    """A method of a spec with everything it is trained by.

    Attributes:
        method: the method object.
        training: the benchmark's settings with this method's changes.
        changes: the changed fields alone.
        label: the method's label with its changed training settings.
    """

    method: Method
    training: TrainingSettings
    changes: dict[str, Any]
    label: str


def planned_method(entry: MethodEntry, common: TrainingSettings) -> PlannedMethod:
    """The method of ``entry`` under the benchmark's ``common`` training settings.

    Raises:
        UsageError: an unknown method, preset, hyper-parameter or training setting.
    """
    name, hyper_parameters = entry.name, entry.hyper_parameters
    preset_training: dict[str, Any] = {}
    if entry.preset is not None:
        name, preset_values, preset_training = _preset(entry)
        hyper_parameters = {**preset_values, **hyper_parameters}
    if entry.regularizers is not None:
        hyper_parameters["regularizers"] = list(entry.regularizers)
    try:
        method = create_method(str(name), **hyper_parameters)
    except UsageError as error:
        raise UsageError(str(error), key=_key_in(entry, error.key)) from None
    if entry.training and not method.trains:
        raise UsageError(
            f"method {name!r} does not train; its table `training` has no effect", key="training"
        )
    training = _changed(common, {**preset_training, **entry.training}, str(name))
    _check_needs(method, training)
    before, after = common.model_dump(mode="json"), training.model_dump(mode="json")
    changes = {key: after[key] for key in after if after[key] != before[key]}
    return PlannedMethod(method, training, changes, _label(method.label, changes))


def _key_in(entry: MethodEntry, key: str | None) -> str | None:
    """The entry's key that an error is about: what it is not given itself, a part of it brings."""
    if key is None or key in entry.hyper_parameters or key in MethodEntry.model_fields:
        return key
    return "regularizers" if entry.regularizers is not None else "preset"


def create_planned(name: str, hyper_parameters: dict[str, Any]) -> Method:
    """The method a cell names, from its resolved hyper-parameters."""
    return create_method(name, **hyper_parameters)


def _preset(entry: MethodEntry) -> tuple[str, dict[str, Any], dict[str, Any]]:
    preset = load_preset(str(entry.preset))
    if entry.name is not None and entry.name != preset.method:
        raise UsageError(
            f"preset {entry.preset!r} is of method {preset.method!r}, not {shown(entry.name)}; "
            "leave out the name",
            key="preset",
        )
    return preset.method, preset.values, preset.training_values


def _changed(common: TrainingSettings, changes: dict[str, Any], name: str) -> TrainingSettings:
    shared = common.model_dump()
    plain = TrainingSettings(mode=common.mode).input_length
    if changes.get("mode", common.mode) != common.mode and common.input_length == plain:
        del shared["input_length"]  # the default of the other mode holds
    try:
        return TrainingSettings.model_validate({**shared, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] != "extra_forbidden":
            raise UsageError(
                f"method {name!r}: {what_is_wrong(first)}",
                key=f"training.{key}",
            ) from None
        near = near_names(key, TrainingSettings.model_fields, most=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"method {name!r}: unknown key{hint or ' of training settings'}", key=f"training.{key}"
        ) from None


def _check_needs(method: Method, training: TrainingSettings) -> None:
    """UsageError where cached features cannot give what the method's terms ask for."""
    if training.mode == "network" or not method.trains:
        return
    # a frozen backbone on images lacks only what trains it
    absent = {"trunk"} if training.mode == "last-layer" else _NOT_CACHED.keys()
    try:
        lacking = sorted(method.needs & absent)
    except Exception:  # anybody's code: its own cells fail and say why, the others go on
        return
    if lacking:
        raise UsageError(
            f"method {method.name!r} needs {_NOT_CACHED[lacking[0]]}, which "
            f"{_FROZEN[training.mode]} do not give; "
            'use training.mode "network", or the hyper-parameter that does without '
            f"(`oodml methods show {method.name}`)",
            key="name",
        )


def _label(label: str, changes: dict[str, Any]) -> str:
    if not changes:
        return label
    inside = ", ".join(f"{key}={readable_value(value)}" for key, value in changes.items())
    if label.endswith(")") and " (" in label:
        return f"{label[:-1]}, {inside})"
    return f"{label} ({inside})"
