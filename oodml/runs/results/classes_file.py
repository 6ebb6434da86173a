"""``classes.parquet`` of a cell: each retrieval metric summed by class, enough for tests and AGS.

Columns: ``class`` (string), ``count`` (scored queries) and, for each metric with a value a query, its
sum over them (float64), classes sorted by name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.parquet import read_table, write_whole_table
from oodml.evaluation import ClassSums, Report
from oodml.runs.store.cells import CellStore

CLASSES_FILE = "classes.parquet"


def save_class_sums(report: Report, path: Path) -> None:
    """Write the sums of every metric of a report that has a value a query."""
    columns: dict[str, pa.Array] = {}
    for name in report.macro:
        found = report.class_sums(name)
        if not columns:
            columns["class"] = pa.array(found.names, pa.string())
            columns["count"] = pa.array(found.counts.astype(np.int64), pa.int64())
        columns[name] = pa.array(found.sums[0], pa.float64())
    write_whole_table(path, pa.table(columns))


def read_class_sums(path: Path, metric: str) -> ClassSums | None:
    """The sums of one metric; None where the file is missing or lacks the metric.

    Raises:
        IntegrityError: a file that cannot be read as one of sums by class.
    """
    if not path.is_file():
        return None
    try:
        table = read_table(path, needed=("class", "count"))
    except OodmlError as error:
        raise IntegrityError(str(error)) from None
    if metric in ("class", "count") or metric not in table.column_names:
        return None
    columns = table.select(["class", "count", metric]).to_pandas().sort_values("class")
    columns = columns[columns["count"] > 0]
    return ClassSums(
        columns[metric].to_numpy(np.float64)[None, :],
        columns["count"].to_numpy(np.float64),
        tuple(map(str, columns["class"])),
    )


def class_sums(folder: Path | str, run_id: str, metric: str) -> ClassSums | None:
    """The sums of a metric by class of one cell of a benchmark's folder: [1, C].

    None where the cell has none, as for metrics of the whole set. The functions of
    `oodml.evaluation` that end in ``_of`` and `separable_from_best` take such sums.

    Raises:
        IntegrityError: the cell's record does not hold, or the file is not the one it lists.
    """
    path = CellStore(Path(folder)).file(run_id, CLASSES_FILE)
    return None if path is None else read_class_sums(path, metric)
