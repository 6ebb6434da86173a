"""Checksums of tables and seals of JSON: what is read is what was written, or refused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounds import rounds

from oodml.core.checksum import CHECKSUM_KEY, checksum_holds, table_checksum
from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.parquet import read_table, write_table
from oodml.core.sealed import read_sealed, write_sealed


def wide_table() -> pa.Table:
    """A column of every kind that oodml or its users' tables may have."""
    rng = np.random.default_rng(0)
    flat = pa.array(rng.normal(size=24).astype(np.float32))
    return pa.table(
        {
            "text": ["a", None, "", "ü漢"],
            "category": pa.array(["x", "y", "x", None]).dictionary_encode(),
            "whole": pa.array([1, None, 3, 2**60]),
            "small": pa.array([1, 2, None, 4], pa.int8()),
            "real": [0.5, None, -1.0, 1e300],
            "half": pa.array(np.array([0.5, 1, 2, 3], np.float16)),
            "yes": [True, None, False, True],
            "nothing": pa.nulls(4),
            "rows": pa.FixedSizeListArray.from_arrays(flat, 6),
            "lists": pa.array([[1, 2], None, [], [3]]),
            "large": pa.array([[1], [2, 3], [], None], pa.large_list(pa.int64())),
            "pairs": pa.array(
                [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 2, "b": None}]
            ),
            "bytes": pa.array([b"\x00\xff", b"", None, b"1"]),
            "when": pa.array([0, 1, None, 3], pa.timestamp("us")),
            "day": pa.array([0, 1, None, 3], pa.date32()),
            "exact": pa.array([None, 1, 2, 3]).cast(pa.decimal128(30, 2)),
        }
    ).replace_schema_metadata({b"oodml.about": b"{}"})


def test_a_checksum_is_of_the_content_alone() -> None:
    table = wide_table()
    first = table_checksum(table)
    assert (
        table_checksum(table.replace_schema_metadata({**table.schema.metadata, CHECKSUM_KEY: b"x"}))
        == first
    )
    assert table_checksum(pa.concat_tables([table.slice(0, 1), table.slice(1)])) == first
    # what lies beneath a null is no content
    one = pa.Array.from_buffers(
        pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, 5]).tobytes())]
    )
    other = pa.array([1, None], pa.int64())
    assert table_checksum(pa.table({"n": one})) == table_checksum(pa.table({"n": other}))
    # every column, name and metadata entry counts
    changed = [table.drop_columns([name]) for name in table.column_names] + [
        table.rename_columns(["TEXT", *table.column_names[1:]]),
        table.replace_schema_metadata({b"oodml.about": b"[]"}),
        table.replace_schema_metadata({b"oodml.abouu": b"{}"}),
        table.select(table.column_names[::-1]),
        table.slice(0, 3),
        table.set_column(0, "text", pa.array(["a", "", None, "ü漢"])),
        table.set_column(9, "lists", pa.array([[1, 2], [], None, [3]])),
        table.set_column(9, "lists", pa.array([[1], None, [2], [3]])),
        table.set_column(2, "whole", pa.array([1, 0, 3, 2**60])),
    ]
    assert len({first, *map(table_checksum, changed)}) == len(changed) + 1


@given(
    st.lists(st.text(max_size=3) | st.none(), max_size=5),
    st.lists(st.text(max_size=3) | st.none(), max_size=5),
)
def test_two_columns_of_text_have_one_checksum_only_if_they_are_equal(
    one: list, other: list
) -> None:
    sums = [
        table_checksum(pa.table({"t": pa.array(column, pa.string())})) for column in (one, other)
    ]
    assert (sums[0] == sums[1]) == (one == other)


def test_any_table_round_trips(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, wide_table())
    assert checksum_holds(read_table(path))
    empty = wide_table().slice(0, 0)
    write_table(path, empty)
    assert read_table(path).num_rows == 0


def test_a_table_that_another_program_wrote_needs_no_checksum(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["n"].to_pylist() == [1]


def test_no_flipped_bit_changes_a_table_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = wide_table()
    write_table(path, table)
    whole = path.read_bytes()
    rng = random.Random(0)
    refused = 0
    for _ in range(rounds(200)):
        place, bit = rng.randrange(len(whole)), rng.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        try:
            found = read_table(path)
        except OodmlError as error:
            refused += str(path) in str(error)
        else:
            assert found.equals(table)
    assert refused > 0.5 * rounds(200)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=6).filter(lambda key: key != "seal"), PLAIN, max_size=4))
def test_a_sealed_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("sealed") / "a.json"
    write_sealed(path, content)
    assert read_sealed(path) == content


def test_no_flipped_bit_changes_a_sealed_file_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    content = {"value": 0.9912, "n": 12, "name": "ä", "list": [1, 2.5, None, True], "empty": {}}
    write_sealed(path, content)
    whole = path.read_bytes()
    unnamed = 0
    for place in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            try:
                assert read_sealed(path) == content
            except OodmlError as error:
                unnamed += str(path) not in str(error)
    assert not unnamed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a JSON object"),
        ('{"a": 1}', "has no seal"),
        ('{"a": 1, "seal": 3}', "does not match its seal"),
        ('{"a": NaN, "seal": "x"}', "does not match its seal"),
        ("{", "not valid JSON"),
    ],
)
def test_what_is_not_sealed_is_refused_with_a_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(IntegrityError, match=message) as caught:
        read_sealed(path, "run it again")
    assert str(path) in str(caught.value)
