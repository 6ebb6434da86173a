"""What is wrong with a spec, in the spec's own words."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from oodml.core.fields import what_is_wrong
from oodml.core.hints import near_names
from oodml.core.values import shown
from oodml.runs.plan.sections import EvaluationSettings, FeatureSettings, LadderEntry
from oodml.training import TrainingSettings

_TABLES: dict[str, type[BaseModel]] = {
    "features": FeatureSettings,
    "ladder": LadderEntry,
    "training": TrainingSettings,
    "evaluation": EvaluationSettings,
}
_TOP = (
    "schema_version", "name", "description", "dataset", "seeds", "levels", "conditions",
    "features", "ladder", "training", "evaluation", "tasks", "methods",
)  # fmt: skip


def explain(error: ValidationError, raw: dict[str, Any]) -> list[str]:
    """One line a problem: the key as it stands in the file, what was expected, a near match."""
    lines = []
    problems = error.errors()
    for problem in problems:
        if any(_is_inside(other["loc"], problem["loc"]) for other in problems):
            continue  # a list whose only entry is wrong counts as empty besides
        location = _in_file(problem["loc"], raw)
        key = ".".join(location)
        if problem["type"] == "extra_forbidden":
            near = near_names(location[-1], _known(location), most=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            lines.append(f"unknown key {shown(key)}{hint}")
        elif problem["type"] == "missing":
            lines.append(f"key {shown(key)} is missing")
        else:
            lines.append(f"key {shown(key)}: {what_is_wrong(problem)}")
    return lines


def _is_inside(location: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(location) > len(outer) and location[: len(outer)] == outer


def _in_file(location: tuple[int | str, ...], raw: dict[str, Any]) -> list[str]:
    """The location without the place in a list that the file does not have."""
    parts = [str(part) for part in location]
    if len(parts) > 1 and isinstance(raw.get(parts[0]), str | dict) and parts[1] == "0":
        del parts[1]
    return parts


def _known(location: list[str]) -> list[str]:
    if len(location) == 1:
        return list(_TOP)
    table = _TABLES.get(location[0])
    return list(table.model_fields) if table is not None else []
