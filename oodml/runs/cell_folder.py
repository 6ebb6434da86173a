"""Which cell of which benchmark is meant by a path."""

from __future__ import annotations

from pathlib import Path

from oodml.core.errors import UsageError
from oodml.runs.plan.plan_file import PLAN_FILE, read_plan
from oodml.runs.store.cells import RECORD_FILE, CellStore

_SHOWN = 12


def find_cell(path: Path, cell: str | None = None) -> tuple[Path, str]:
    """(folder of the benchmark, run id) of a cell.

    Args:
        path: the cell's folder, a file in it, or the benchmark's folder.
        cell: a run id or its beginning, for a benchmark's folder.

    Raises:
        UsageError: no cell there, or not one alone; the message lists what there is.
    """
    place = path.resolve()
    if place.is_file():
        place = place.parent
    if (place / RECORD_FILE).is_file() and place.parent.name == "cells":
        if cell is not None and not place.name.startswith(cell):
            raise UsageError(f"--cell {cell}: {path} is the folder of cell {place.name}")
        return place.parent.parent, place.name
    if not (place / PLAN_FILE).is_file():
        raise UsageError(
            f"{path}: neither the folder of a benchmark nor of a finished cell "
            "(RUN_FOLDER/cells/RUN_ID)"
        )
    store = CellStore(place)
    titles = {
        one.run_id: f"{one.title}, {one.dataset}, {one.backbone}"
        for one in read_plan(place).cells
        if store.is_done(one.run_id)
    }
    if not titles:
        raise UsageError(f"{path}: no cell of this benchmark is finished")
    chosen = [one for one in titles if cell is None or one.startswith(cell)]
    if len(chosen) == 1:
        return place, chosen[0]
    which = chosen or list(titles)
    listed = "\n  ".join(f"{one}  {titles[one]}" for one in which[:_SHOWN])
    more = f"\n  and {len(which) - _SHOWN} more" if len(which) > _SHOWN else ""
    asked = "choose one" if cell is None else f"--cell {cell}: {len(chosen)} begin so, choose one"
    raise UsageError(f"{path}: {asked} of its finished cells by --cell\n  {listed}{more}")
