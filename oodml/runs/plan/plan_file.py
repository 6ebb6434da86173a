"""``plan.json``: settings and cells of a prepared benchmark, in the order they are run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from oodml.core.errors import IntegrityError
from oodml.core.sealed import read_sealed, write_sealed
from oodml.runs.plan.cell import Cell, cell_from_json
from oodml.runs.plan.settings import Setting, setting_from_json

PLAN_FILE = "plan.json"
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Plan:
    """What a benchmark's folder computes.

    Attributes:
        name: the spec's.
        spec_sha256: the spec it was made from.
    """

    name: str
    spec_sha256: str
    settings: tuple[Setting, ...]
    cells: tuple[Cell, ...]

    def setting(self, setting_id: str) -> Setting:
        return next(one for one in self.settings if one.id == setting_id)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan atomically; ids stand beside cells and settings for readers."""
    write_sealed(
        folder / PLAN_FILE,
        {
            "schema_version": SCHEMA_VERSION,
            "name": plan.name,
            "spec_sha256": plan.spec_sha256,
            "settings": [{"id": one.id, **asdict(one)} for one in plan.settings],
            "cells": [{"run_id": one.run_id, **asdict(one)} for one in plan.cells],
        },
    )


def read_plan(folder: Path) -> Plan:
    """Read a folder's plan.

    Raises:
        IntegrityError: written by another version of oodml, or not a plan.
        OodmlError: no such file.
    """
    path = folder / PLAN_FILE
    again = "`oodml run` writes it again"
    other = f"not a plan of schema {SCHEMA_VERSION}; {again}"
    content = read_sealed(path, again, schema=SCHEMA_VERSION, other=other)
    try:
        settings = tuple(setting_from_json(_without(one, "id")) for one in content["settings"])
        cells = tuple(cell_from_json(_without(one, "run_id")) for one in content["cells"])
        return Plan(content["name"], content["spec_sha256"], settings, cells)
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path}: not a plan ({error}); {again}") from None


def _without(entry: dict[str, object], key: str) -> dict:
    return {name: value for name, value in entry.items() if name != key}
