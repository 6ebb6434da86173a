"""A benchmark of seconds, and what its tests share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oodml.runs import BenchmarkSpec, Cell, Workbench
from oodml.runs.plan.plan_file import Plan, read_plan
from oodml.runs.prepare import prepare
from oodml.runs.store.cells import CellStore

SPEC: dict[str, Any] = {
    "schema_version": 1,
    "name": "small",
    "dataset": "toy",
    "seeds": [0, 1],
    "features": {"backbone": "identity"},
    "ladder": {"levels": 3, "shots": [2], "episodes": 2},
    "training": {"steps": 20, "batch_size": 24, "embedding_dim": 8, "learning_rate": 0.01},
    "evaluation": {"shots": [2], "episodes": 2},
    "methods": [
        {"name": "frozen"},
        {"name": "sec-triplet", "eta": 0.1},
        {"name": "weight-transfer", "adaptation_steps": 5},
        {"name": "adapted-histogram", "adaptation_steps": 5},
    ],
}

SMALL: dict[str, Any] = {
    **{key: value for key, value in SPEC.items() if key != "evaluation"},
    "schema_version": 2,
    "seeds": [0],
    "ladder": {"levels": 2, "shots": [2], "episodes": 2},
    "methods": [{"name": "frozen"}, {"name": "weight-transfer", "adaptation_steps": 5}],
}
"""Schema 2, two levels, two methods, one seed: three cells a level."""


def toml(spec: dict[str, Any]) -> str:
    """A spec as the text of its file."""
    lines, tables = [], []
    for key, value in spec.items():
        if isinstance(value, dict):
            tables.append(_table(f"[{key}]", value, f"[{key}."))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += [_table(f"[[{key}]]", one, f"[{key}.") for one in value]
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _table(head: str, values: dict[str, Any], inner: str = "") -> str:
    lines = [head]
    lines += [f"{k} = {json.dumps(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for key, value in values.items():
        if isinstance(value, dict):
            lines.append(_table(f"{inner}{key}]", value))
    return "\n".join(lines)


def opened(spec: BenchmarkSpec, folder: Path) -> tuple[Plan, Workbench, CellStore]:
    """A prepared benchmark with its first setting's workbench."""
    plan = prepare(spec, folder)
    return plan, Workbench.open(folder, plan.settings[0]), CellStore(folder)


def records(folder: Path) -> dict[str, Path]:
    """Run id -> record file of every committed cell."""
    return {path.parent.name: path for path in folder.glob("cells/*/record.json")}


def first_cell(folder: Path, **fields: Any) -> Cell:
    """The first cell of a prepared folder with these values."""
    cells = read_plan(folder).cells
    return next(c for c in cells if all(getattr(c, k) == v for k, v in fields.items()))
