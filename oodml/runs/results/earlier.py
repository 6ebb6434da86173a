"""What a benchmark's folder held before its spec was changed, so that no result is lost by the change."""

from __future__ import annotations

import shutil
from pathlib import Path

from oodml.core.errors import OodmlError, UsageError
from oodml.core.files import atomic_path
from oodml.core.progress import console
from oodml.runs.plan.plan_file import PLAN_FILE, Plan, read_plan
from oodml.runs.results.table import RESULTS_FILE
from oodml.runs.store.cells import CellStore


def earlier_plan(folder: Path, name: str) -> Plan | None:
    """The plan a folder holds; None where it has none that can be read.

    Raises:
        UsageError: it is of a benchmark of another name.
    """
    if not (folder / PLAN_FILE).is_file():
        return None
    try:
        plan = read_plan(folder)
    except OodmlError:  # of another version, or damaged: it is made again
        return None
    if plan.name != name:
        raise UsageError(
            f"{folder} holds the benchmark {plan.name!r}, this spec is {name!r}: their results would "
            "be mixed; choose another --out"
        )
    return plan


def keep_earlier_results(store: CellStore, earlier: Plan, plan: Plan) -> Path | None:
    """Keep the results table of the spec before, where this one lacks some of its finished cells.

    The cells themselves stay: they count again when a spec names them.

    Returns:
        The kept table; None where nothing would be missing.
    """
    wanted = {cell.run_id for cell in plan.cells}
    gone = [cell for cell in earlier.cells if cell.run_id not in wanted]
    finished = [cell for cell in gone if store.is_done(cell.run_id)]
    table = store.folder / RESULTS_FILE
    if not finished or not table.is_file():
        return None
    name = f"results-{earlier.spec_sha256[:8]}"
    before = len(list(store.folder.glob(f"{name}*.parquet")))  # the same spec, other code or data
    kept = store.folder / (f"{name}-{before + 1}.parquet" if before else f"{name}.parquet")
    with atomic_path(kept) as temporary:
        shutil.copyfile(table, temporary)
    what = "spec was changed" if earlier.spec_sha256 != plan.spec_sha256 else "code or data changed"
    console.print(
        f"{what} since the last run here: {len(finished)} finished cells (such as "
        f"{finished[0].title}) are no longer part of it. They stay in {store.folder / 'cells'}; "
        f"the table with them is kept as {kept.name}",
        markup=False,
    )
    return kept
