"""Run folders and the tidy table. Nothing is ever half-written.

A benchmark's folder:
    spec.json                 the resolved spec
    ladder/                   the ladder it ran on
    cells/<run id>/           cell.json, metrics.json, ranks.parquet, embedder.safetensors,
                              timing.json and, last of all, DONE
    failed/<run id>.json      why a cell failed; removed when it succeeds
    results.parquet           a row per (cell, metric)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.files import atomic_folder, atomic_path, read_json, write_json
from oodml.core.hashing import canonical_json
from oodml.runs.cells import Cell

RESULTS_FILE = "results.parquet"
RESULTS_SCHEMA_VERSION = 1
_DONE = "DONE"


class CellStore:
    """The cells of one benchmark folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.run_id

    def is_done(self, cell: Cell) -> bool:
        return self.has(cell.run_id)

    def has(self, run_id: str) -> bool:
        """Whether the cell with this id is finished."""
        return (self.folder / "cells" / run_id / _DONE).is_file()

    def finish(self, cell: Cell, write: Callable[[Path], None]) -> None:
        """Make the cell's folder: ``write`` fills a temporary one, which then takes its name."""
        target = self.path(cell)
        if target.is_dir() and not self.is_done(cell):
            raise IntegrityError(
                f"{target}: has no {_DONE} marker; remove the folder and run again"
            )
        with atomic_folder(target) as temporary:
            write_json(temporary / "cell.json", asdict(cell))
            write(temporary)
            (temporary / _DONE).touch()
        self._failure(cell.run_id).unlink(missing_ok=True)

    def discard(self, cells: list[Cell]) -> None:
        """Remove what is stored of ``cells``."""
        for cell in cells:
            (self.path(cell) / _DONE).unlink(missing_ok=True)  # first: what is left is not a result
            shutil.rmtree(self.path(cell), ignore_errors=True)

    def record_failure(self, cell: Cell, reason: str, trace: str | None = None) -> None:
        record = {"cell": asdict(cell), "reason": reason, "traceback": trace}
        write_json(self._failure(cell.run_id), record)

    def failure(self, run_id: str) -> str | None:
        """Why an unfinished cell failed when it was last tried, if it was."""
        path = self._failure(run_id)
        return str(read_json(path)["reason"]) if path.is_file() and not self.has(run_id) else None

    def metrics(self, cell: Cell) -> list[dict[str, Any]]:
        rows = read_json(self.path(cell) / "metrics.json")
        if not isinstance(rows, list):
            raise IntegrityError(f"{self.path(cell) / 'metrics.json'}: expected a list of rows")
        return rows

    def seconds(self, cell: Cell) -> float:
        return float(read_json(self.path(cell) / "timing.json")["seconds"])

    def _failure(self, run_id: str) -> Path:
        return self.folder / "failed" / f"{run_id}.json"


def collect(store: CellStore, cells: list[Cell], level_columns: dict[int, dict[str, Any]]) -> Path:
    """Write results.parquet from the finished cells among ``cells``; returns its path.

    Rows are sorted and hold no times, so that equal results give equal tables.

    Args:
        level_columns: by level, further columns such as its shift and class counts.
    """
    rows = []
    for cell in cells:
        if not store.is_done(cell):
            continue
        method = cell.create_method()
        key = {
            "run_id": cell.run_id,
            "dataset": cell.dataset,
            "dataset_fingerprint": cell.dataset_fingerprint,
            "ladder": cell.ladder,
            "ladder_sha256": cell.ladder_sha256,
            "level": cell.level,
            **level_columns[cell.level],
            "method": cell.method,
            "label": method.label,
            "trains": method.trains,
            "hyper_parameters": canonical_json(cell.hyper_parameters),
            "backbone": cell.backbone,
            "features_key": cell.features_key,
            "mode": cell.training.get("mode", "none"),
            "selection": cell.training.get("selection", "none"),
            "training": canonical_json(cell.training),
            "seed": cell.seed,
            "protocol": cell.protocol,
        }
        rows += [{**key, **row} for row in store.metrics(cell)]
    table = pd.DataFrame(rows)
    if len(table):
        table = table.sort_values(["level", "label", "seed", "metric"], kind="stable")
        table = table.reset_index(drop=True)
    table.attrs = {"schema_version": RESULTS_SCHEMA_VERSION}
    path = store.folder / RESULTS_FILE
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path


def read_results(path: Path | str) -> pd.DataFrame:
    """Read a results table: the file, or a benchmark folder that holds one.

    Raises:
        OodmlError: no such file, not a results table, or an unknown schema version.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RESULTS_FILE
    if not path.is_file():
        raise OodmlError(f"{path}: no results yet; `oodml run SPEC --out {path.parent}` makes them")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path}: not a readable Parquet file ({error})") from None
    missing = {"run_id", "level", "shift", "label", "metric", "value", "seed"} - set(table.columns)
    if missing:
        raise IntegrityError(f"{path}: not a results table; missing columns {sorted(missing)}")
    version = table.attrs.get("schema_version")
    if version != RESULTS_SCHEMA_VERSION:
        raise IntegrityError(
            f"{path}: results schema {version}; this oodml reads {RESULTS_SCHEMA_VERSION}"
        )
    return table
