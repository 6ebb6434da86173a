"""Records of cells. A cell is done when its record is there and holds, and it is written last.

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

A record holds when its seal is that of its content and its cell hashes to the name of its folder. One that
does not hold counts as none: its numbers stand in no table and its cell is run again. So is a cell whose
files are not those that its record lists, with size and hash; its numbers are good.

Nothing is renamed but single files, so a folder may lie on a store that cannot rename folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.files import atomic_path, read_json, write_json
from oodml.core.hashing import sha256_file
from oodml.core.sealed import read_sealed, write_sealed
from oodml.runs.plan.cell import Cell, run_id_of

RECORD_FILE = "record.json"
RECORD_SCHEMA_VERSION = 2
_AGAIN = "`oodml run` computes the cell again"


class CellStore:
    """The cells of one benchmark folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # run id -> what its record's file was like when it was found to hold, and the record
        self._known: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        # records whose files were found to be those that they list
        self._whole: set[tuple[str, tuple[int, int]]] = set()

    def path(self, run_id: str) -> Path:
        return self.folder / "cells" / run_id

    def is_done(self, run_id: str) -> bool:
        """Whether the cell is finished, with all of its tasks, and its record holds with its files."""
        try:
            record = self.record(run_id)
            if record is None or record["failed_tasks"]:
                return False
            self._check_files(run_id, record)
        except IntegrityError:
            return False
        return True

    def record(self, run_id: str) -> dict[str, Any] | None:
        """What was committed of a cell; None where nothing was.

        Raises:
            IntegrityError: the record does not hold, or is of a schema that this oodml does not read.
        """
        path = self.path(run_id) / RECORD_FILE
        try:
            found = path.stat()
        except OSError:
            return None
        stamp = found.st_mtime_ns, found.st_size
        known = self._known.get(run_id)
        if known is None or known[0] != stamp:
            known = self._known[run_id] = stamp, self._checked(path, run_id)
        return known[1]

    def file(self, run_id: str, name: str) -> Path | None:
        """A file of a cell whose content is what the record says; None where it lists no such file.

        Raises:
            IntegrityError: the record does not hold, or the file is gone or another.
        """
        record = self.record(run_id)
        for listed in record["files"] if record is not None else ():
            if listed["name"] == name:
                return self._checked_file(run_id, listed, always=False)
        return None

    def damaged(self, run_ids: Iterable[str], *, deep: bool = False) -> dict[str, str]:
        """Run id -> what is wrong, of cells with a record that does not hold or that has other files.

        Args:
            deep: read every file; else only those that were touched since they were written.
        """
        problems = {}
        for run_id in run_ids:
            try:
                record = self.record(run_id)
                if record is not None:
                    self._check_files(run_id, record, deep=deep)
            except IntegrityError as error:
                problems[run_id] = str(error)
        return problems

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
            about: further entries of the record: run, seconds, kept step, versions, hardware.
        """
        folder, run_id = self.path(cell.run_id), cell.run_id
        listed = []
        for name, write in files.items():
            # an earlier record holds until the first file is another, and then counts as none
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
        write_sealed(folder / RECORD_FILE, record)

    def record_failure(self, cell: Cell, reason: str, trace: str | None, run: str) -> None:
        """Note why a cell failed and in which run, so that this run does not try it again."""
        record = {"cell": asdict(cell), "reason": reason, "traceback": trace, "run": run}
        write_json(self._failure(cell.run_id), record)

    def failure(self, run_id: str) -> dict[str, Any] | None:
        """reason, traceback and run of a cell that failed when it was last tried."""
        try:
            found = read_json(self._failure(run_id))
        except OodmlError:  # the usual case, or removed this moment by a worker that succeeded
            return None
        if not isinstance(found, dict) or not {"reason", "run"} <= found.keys():
            return None  # no note of ours: the cell is open
        return found

    def _failure(self, run_id: str) -> Path:
        return self.folder / "failed" / f"{run_id}.json"

    def _checked(self, path: Path, run_id: str) -> dict[str, Any]:
        other = f"record schema {{version}}; this oodml reads {RECORD_SCHEMA_VERSION}; {_AGAIN}"
        record = read_sealed(path, _AGAIN, schema=RECORD_SCHEMA_VERSION, other=other)
        try:
            found = run_id_of({"code": {}, **record["cell"]})
            if not record["run_id"] == found == run_id:
                raise IntegrityError(
                    f"{path}: the record of cell {found} lies in the folder of {run_id}; {_AGAIN}"
                )
            kinds = {"failed_tasks": dict, "rows": list, "files": list}
            if wrong := [
                name for name, kind in kinds.items() if not isinstance(record[name], kind)
            ]:
                raise TypeError(wrong[0])
        except (KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{path}: not a record ({error}); {_AGAIN}") from None
        return record

    def _check_files(self, run_id: str, record: Mapping[str, Any], *, deep: bool = False) -> None:
        mark = run_id, self._known[run_id][0]
        if mark in self._whole and not deep:
            return
        for listed in record["files"]:
            self._checked_file(run_id, listed, always=deep)
        self._whole.add(mark)

    def _checked_file(self, run_id: str, listed: Mapping[str, Any], *, always: bool) -> Path:
        """The path of a listed file; hashed where it was touched since it was written, or ``always``."""
        try:
            path = self.path(run_id) / Path(listed["name"]).name
            size, digest = listed["bytes"], listed["sha256"]
        except (KeyError, TypeError):
            raise IntegrityError(
                f"{self.path(run_id) / RECORD_FILE}: not a list of files; {_AGAIN}"
            ) from None
        try:
            found = path.stat()
        except OSError:
            raise IntegrityError(f"{path}: the file is gone; {_AGAIN}") from None
        touched = found.st_mtime_ns != listed.get("mtime_ns")
        changed = found.st_size != size
        if changed or ((touched or always) and sha256_file(path) != digest):
            raise IntegrityError(f"{path}: not the file that its record lists; {_AGAIN}")
        return path


def _described(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {
        "name": path.name,
        "bytes": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "sha256": sha256_file(path),
    }
