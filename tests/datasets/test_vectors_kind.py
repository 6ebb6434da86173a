"""Vectors made elsewhere as a data set."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from oodml.core.errors import DataError
from oodml.core.vectors import VectorTable, write_vectors
from oodml.datasets import describe, load_dataset
from oodml.datasets.added import Handed, add_dataset, verify_added

pytestmark = pytest.mark.usefixtures("oodml_home")


def write(path: Path, **changes: object) -> Path:
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    fields: dict[str, object] = {
        "ids": ("p", "q", "r", "s"),
        "vectors": vectors,
        "columns": {"label": ("b", "a", "b", "a")},
    }
    write_vectors(path, VectorTable(**(fields | changes)))  # type: ignore[arg-type]
    return path


def test_a_table_becomes_a_data_set(tmp_path: Path) -> None:
    path = write(tmp_path / "v.parquet")
    dataset = add_dataset("mine", "vectors", Handed(table=path))
    assert dataset.image_ids == ("p", "q", "r", "s")
    assert dataset.image_classes == ["b", "a", "b", "a"]
    assert dataset.vectors is not None
    np.testing.assert_array_equal(dataset.vectors, np.arange(12).reshape(4, 3))
    assert dataset.superclass_of is None
    assert describe(dataset).dimensions == 3
    again = load_dataset("mine")
    assert again.fingerprint == dataset.fingerprint
    assert verify_added("mine") == []


def test_row_order_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    one = add_dataset("one", "vectors", Handed(table=write(tmp_path / "1.parquet")))
    order = [2, 0, 3, 1]
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)[order]
    path = write(
        tmp_path / "2.parquet",
        ids=("r", "p", "s", "q"),
        vectors=vectors,
        columns={"label": ("b", "b", "a", "a")},
    )
    assert add_dataset("two", "vectors", Handed(table=path)).fingerprint == one.fingerprint


def test_superclasses(tmp_path: Path) -> None:
    good = {"label": ("b", "a", "b", "a"), "superclass": ("y", "x", "y", "x")}
    dataset = add_dataset("good", "vectors", Handed(table=write(tmp_path / "g", columns=good)))
    assert dataset.superclass_of == {"a": "x", "b": "y"}
    bad = {"label": ("b", "a", "b", "a"), "superclass": ("y", "x", "z", "x")}
    with pytest.raises(DataError, match="class 'b' has two superclasses, 'y' and 'z'"):
        add_dataset("bad", "vectors", Handed(table=write(tmp_path / "b", columns=bad)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {}}, "no column 'label'"),
        ({"columns": {"label": ("a", "", "b", "b")}}, "label of row 1 '' is empty"),
        ({"ids": ("p", "p", "r", "s")}, "id 'p' stands more than once"),
        ({"ids": ("p", "q\n", "r", "s")}, "control or undecodable"),
        ({"vectors": np.full((4, 2), np.inf, np.float32)}, "NaN or infinite"),
    ],
)
def test_bad_tables(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write(tmp_path / "v.parquet", **changes)
    with pytest.raises(DataError, match=message):
        add_dataset("mine", "vectors", Handed(table=path))


def test_a_changed_table_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "v.parquet")
    add_dataset("mine", "vectors", Handed(table=path))
    write(path, vectors=np.ones((4, 3), np.float32))
    with pytest.raises(DataError, match="has changed since it was added"):
        load_dataset("mine")
    assert len(verify_added("mine")) == 1
    path.write_bytes(b"torn")
    assert "not a readable Parquet file" in verify_added("mine")[0]


@pytest.mark.parametrize("column", ["label", "superclass", "id"])
@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "b", "c"],
        ["a", "", "b", "c"],
        ["a", " ", "b", "c"],
        [0.0, float("nan"), 1.0, 2.0],
        [0, None, 1, 2],
        [date(2020, 1, 1), None, date(2020, 1, 2), date(2020, 1, 3)],
    ],
    ids=["None", "empty", "blank", "NaN", "null", "no date"],
)
def test_a_missing_label_is_no_class(tmp_path: Path, column: str, values: list[object]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[object]] = {
        "id": ["p", "q", "r", "s"],
        "embedding": [[float(i), 1.0] for i in range(4)],
        "label": ["a", "q", "b", "c"],
        "superclass": ["x", "x", "y", "y"],
    }
    columns[column] = values
    # not through pandas, which turns NaN into null
    pq.write_table(pa.table(columns), tmp_path / "v.parquet")
    with pytest.raises(DataError, match=r"empty|no superclass"):
        add_dataset("mine", "vectors", Handed(table=tmp_path / "v.parquet"))
