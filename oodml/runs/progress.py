"""How far a benchmark has come, read from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml.core.files import read_json, write_json
from oodml.runs.cells import Cell
from oodml.runs.store import CellStore

_PLAN = "plan.json"


def write_plan(folder: Path, cells: list[Cell]) -> None:
    """Record which cells belong to the benchmark, so that its state can be read at any time."""
    write_json(folder / _PLAN, [{"run_id": c.run_id, "title": c.title} for c in cells])


def benchmark_status(folder: Path) -> dict[str, Any]:
    """cells, done, open, and failed as a list of {title, reason}; reads only the folder."""
    store = CellStore(folder)
    plan = read_json(folder / _PLAN)
    done = [entry for entry in plan if store.has(entry["run_id"])]
    failed = [
        {"title": entry["title"], "reason": reason}
        for entry in plan
        if (reason := store.failure(entry["run_id"])) is not None
    ]
    return {
        "cells": len(plan),
        "done": len(done),
        "failed": failed,
        "open": len(plan) - len(done) - len(failed),
    }
