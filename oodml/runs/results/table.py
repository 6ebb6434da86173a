"""``results.parquet``: a row a (cell, metric), collected from the cells' records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from oodml.core.checksum import has_checksum
from oodml.core.errors import DataError, IntegrityError, OodmlError
from oodml.core.parquet import read_table, write_table
from oodml.core.progress import console
from oodml.runs.plan.cell import Cell
from oodml.runs.results.migrations import MIGRATIONS
from oodml.runs.results.row import COLUMNS, SCHEMA_VERSION, SORTED_BY, cell_columns
from oodml.runs.store.cells import CellStore

RESULTS_FILE = "results.parquet"
_ATTRS = b"PANDAS_ATTRS"  # where pandas keeps DataFrame.attrs


def collect(store: CellStore, cells: Iterable[Cell]) -> Path:
    """Write results.parquet from the records of ``cells`` that hold; returns its path.

    Rows are sorted and hold no times, so that equal results give equal bytes. Rows of a cell of
    which a task failed are in it; the failed task's are not.
    """
    rows = []
    for cell in cells:
        try:
            record = store.record(cell.run_id)
        except IntegrityError as error:
            console.print(f"left out of the results: {error}", style="yellow", markup=False)
            continue
        if record is not None:
            # the plan's columns, not the record's: they may be named otherwise than when it ran
            columns = cell_columns(cell)
            rows += [{**columns, **row} for row in record["rows"]]
    table = _typed(pd.DataFrame(rows, columns=list(COLUMNS)))
    table = table.sort_values(list(SORTED_BY), kind="stable").reset_index(drop=True)
    path = store.folder / RESULTS_FILE
    write_results(path, table)
    return path


def write_results(path: Path, table: pd.DataFrame) -> None:
    """Write a table of the present schema with its checksum, as pandas would read it."""
    found = pa.Table.from_pandas(table, preserve_index=False)
    attributes = json.dumps({"schema_version": SCHEMA_VERSION}).encode()
    write_table(path, found.replace_schema_metadata({**found.schema.metadata, _ATTRS: attributes}))


def read_results(path: Path | str) -> pd.DataFrame:
    """Read a results table: the file, or a benchmark folder that holds one.

    A table of an earlier schema is brought to the present one.

    Raises:
        OodmlError: no such file, not a results table, or an unknown schema version.
        IntegrityError: its content is not what its checksum says.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RESULTS_FILE
    if not path.is_file():
        raise OodmlError(f"{path}: no results yet; `oodml run SPEC --out {path.parent}` makes them")
    try:
        found = read_table(path)
        table = found.to_pandas()
        version = json.loads((found.schema.metadata or {}).get(_ATTRS, b"{}")).get("schema_version")
    except (DataError, ValueError) as error:
        raise IntegrityError(f"{path}: not a results table ({error})") from None
    missing = {"run_id", "level", "shift", "label", "metric", "value", "seed"} - set(table.columns)
    if missing:
        raise IntegrityError(f"{path}: not a results table; missing columns {sorted(missing)}")
    if version == SCHEMA_VERSION and not has_checksum(found):
        raise IntegrityError(
            f"{path}: has no checksum, so another program wrote it; `oodml run SPEC --overwrite never` "
            "makes it from the cells again"
        )
    if version in MIGRATIONS:
        table = MIGRATIONS[version](table)
    elif version != SCHEMA_VERSION:
        known = ", ".join(map(str, [*MIGRATIONS, SCHEMA_VERSION]))
        raise IntegrityError(f"{path}: results schema {version}; this oodml reads {known}")
    lacking = sorted(set(COLUMNS) - set(table.columns))
    if lacking:
        raise IntegrityError(f"{path}: not a results table of schema {version}; missing {lacking}")
    table = _typed(table[list(COLUMNS)])
    table.attrs = {"schema_version": SCHEMA_VERSION}
    return table


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype({name: kind for name, kind in COLUMNS.items() if name in table.columns})
