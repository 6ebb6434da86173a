"""What runs that were killed have left in a benchmark's folder and nobody needs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from oodml.core.files import sweep_temporaries
from oodml.runs.store.cells import CellStore
from oodml.runs.store.lease_files import forget, leased, working_on


def sweep_leftovers(folder: Path, planned: Collection[str] | None = None) -> None:
    """Remove temporary files of processes that are gone, and what finished cells need no more.

    A worker that is killed right after it has committed a cell leaves its lease and its checkpoint.

    Args:
        planned: run ids of the plan's cells; dead leases on others, of a spec before, go too.
    """
    sweep_temporaries(folder)
    store = CellStore(folder)
    # those of earlier versions end in .pt
    kept = (folder / "checkpoints").glob("[!.]*")
    checkpoints = {path.stem: path for path in kept if path.suffix in (".safetensors", ".pt")}
    at_work = working_on(folder)
    done = {one for one in leased(folder) | set(checkpoints) if store.is_done(one)} - at_work
    unplanned = set() if planned is None else leased(folder) - set(planned) - at_work
    forget(folder, done | unplanned)
    for run_id in done & set(checkpoints):
        checkpoints[run_id].unlink(missing_ok=True)
