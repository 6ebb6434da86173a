from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from oodml.core.errors import DataError
from oodml.core.parquet import read_table, text_columns, write_table


def test_a_table_round_trips(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "n": [1, None], "row": [[1.0], [2.0]]})
    write_table(tmp_path / "t.parquet", table)
    assert list(tmp_path.iterdir()) == [tmp_path / "t.parquet"]
    read = read_table(tmp_path / "t.parquet", needed=("id", "n"))
    assert read.equals(table)
    assert text_columns(read) == {"id": ("a", "b"), "n": ("1", "")}
    assert text_columns(read, without=("id",)) == {"n": ("1", "")}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.parquet: no such file"):
        read_table(tmp_path / "gone.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"torn\.parquet: not a readable Parquet file"):
        read_table(tmp_path / "torn.parquet")
    write_table(tmp_path / "t.parquet", pa.table({"id": ["a"], "n": [1]}))
    with pytest.raises(DataError, match=r"t\.parquet: no column 'label' \(found: id, n\)"):
        read_table(tmp_path / "t.parquet", needed=("id", "label"))
