"""What runs that were killed have left in a benchmark's folder and nobody needs."""

from __future__ import annotations

from pathlib import Path

from oodml.core.files import sweep_temporaries
from oodml.runs.store.cells import CellStore
from oodml.runs.store.lease_files import forget, leased, working_on


def sweep_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that are gone, and what finished cells need no more.

    A worker that is killed right after it has committed a cell leaves its lease and its checkpoint.
    """
    sweep_temporaries(folder)
    store = CellStore(folder)
    checkpoints = {path.stem: path for path in (folder / "checkpoints").glob("[!.]*.pt")}
    at_work = working_on(folder)
    done = {one for one in leased(folder) | set(checkpoints) if store.is_done(one)} - at_work
    forget(folder, done)
    for run_id in done & set(checkpoints):
        checkpoints[run_id].unlink(missing_ok=True)
