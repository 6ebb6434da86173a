"""Records of cells. A cell is done when its record is there, and the record is written last.

A benchmark's folder:
    spec.json                    the resolved spec
    plan.json                    settings and cells, in the order they are run
    ladders/<name>/              the ladders
    settings/<id>/items.parquet  ids and classes of a setting's items, and where its features lie
    cells/<run id>/              ranks.parquet, classes.parquet, embedder.safetensors, ... and last
                                 of all record.json
    failed/<run id>.json         why a cell failed; removed when it succeeds
    leases/                      which cells are being worked on
    checkpoints/                 of trainings that were interrupted
    results.parquet              a row a (cell, metric)

Nothing is renamed but single files, so a folder may lie on a store that cannot rename folders.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.files import atomic_path, read_json, write_json
from oodml.core.hashing import sha256_file
from oodml.runs.plan.cell import Cell

RECORD_FILE = "record.json"
RECORD_SCHEMA_VERSION = 1


class CellStore:
    """The cells of one benchmark folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, run_id: str) -> Path:
        return self.folder / "cells" / run_id

    def is_done(self, run_id: str) -> bool:
        """Whether the cell is finished, with all of its tasks."""
        if not (self.path(run_id) / RECORD_FILE).is_file():
            return False
        if not self._failure(run_id).is_file():  # without such a note no task failed
            return True
        record = self.record(run_id)
        return record is not None and not record["failed_tasks"]

    def record(self, run_id: str) -> dict[str, Any] | None:
        """What was committed of a cell; None where nothing was.

        Raises:
            IntegrityError: not a record of a schema that this oodml reads.
        """
        path = self.path(run_id) / RECORD_FILE
        if not path.is_file():
            return None
        record = read_json(path)
        version = record.get("schema_version") if isinstance(record, dict) else None
        if version != RECORD_SCHEMA_VERSION:
            raise IntegrityError(
                f"{path}: record schema {version}; this oodml reads {RECORD_SCHEMA_VERSION}"
            )
        assert isinstance(record, dict)
        return record

    def commit(
        self,
        cell: Cell,
        rows: list[dict[str, Any]],
        files: Mapping[str, Callable[[Path], None]],
        *,
        failed_tasks: Mapping[str, str],
        about: Mapping[str, Any],
    ) -> None:
        """Write a cell's files and, last, its record.

        Args:
            rows: result rows of the tasks that succeeded.
            files: name -> function that writes the file to the (temporary) path it is given.
            failed_tasks: task -> why it failed; with one, the cell is incomplete: its rows count, but
                it will be run again.
            about: further entries of the record: seconds, kept step, versions, hardware.
        """
        folder, run_id = self.path(cell.run_id), cell.run_id
        (folder / RECORD_FILE).unlink(missing_ok=True)  # it would not match the new files
        listed = []
        for name, write in files.items():
            with atomic_path(folder / name) as temporary:
                write(temporary)
            listed.append(_described(folder / name))
        if not failed_tasks:
            self._failure(run_id).unlink(missing_ok=True)
        record = {
            "schema_version": RECORD_SCHEMA_VERSION,
            "run_id": run_id,
            "cell": asdict(cell),
            "rows": rows,
            "files": listed,
            "failed_tasks": dict(failed_tasks),
            **about,
        }
        write_json(folder / RECORD_FILE, record)

    def discard(self, run_ids: Iterable[str]) -> None:
        """Remove what is stored of some cells."""
        for run_id in run_ids:
            # first: what is left is not a result
            (self.path(run_id) / RECORD_FILE).unlink(missing_ok=True)
            shutil.rmtree(self.path(run_id), ignore_errors=True)
            self._failure(run_id).unlink(missing_ok=True)

    def record_failure(self, cell: Cell, reason: str, trace: str | None, run: str) -> None:
        """Note why a cell failed and in which run, so that this run does not try it again."""
        record = {"cell": asdict(cell), "reason": reason, "traceback": trace, "run": run}
        write_json(self._failure(cell.run_id), record)

    def failure(self, run_id: str) -> dict[str, Any] | None:
        """reason, traceback and run of an unfinished cell that failed when it was last tried."""
        try:
            found: dict[str, Any] = read_json(self._failure(run_id))
        except OodmlError:  # the usual case, or removed this moment by a worker that succeeded
            return None
        return None if self.is_done(run_id) else found

    def _failure(self, run_id: str) -> Path:
        return self.folder / "failed" / f"{run_id}.json"


def _described(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}
