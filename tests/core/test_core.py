from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oodml.core.archives import extract_archive
from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.core.files import atomic_path, read_json, write_json
from oodml.core.hashing import derived_seed, sha256_json
from oodml.core.progress import readable_seconds
from oodml.core.registry import Registry
from oodml.core.vectors import VectorTable, read_vectors, write_vectors


def test_registry_refuses_duplicates_and_suggests_near_names() -> None:
    registry: Registry[int] = Registry("thing")
    registry.register("alpha-one")(1)
    with pytest.raises(UsageError, match="registered already"):
        registry.register("alpha-one")(2)
    with pytest.raises(UsageError, match="did you mean alpha-one"):
        registry.get("alpha-on")
    with pytest.raises(UsageError, match="known: alpha-one"):
        registry.get("zzz")
    with pytest.raises(UsageError, match="lower-case"):
        registry.register("Bad Name")


def test_hashes_do_not_depend_on_key_order() -> None:
    assert sha256_json({"a": 1, "b": [2]}) == sha256_json({"b": [2], "a": 1})
    assert derived_seed("a", 1) != derived_seed("a", 2)
    assert 0 <= derived_seed("a", 1) < 2**63


def test_atomic_path_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "value.json"
    write_json(target, {"a": 1})

    def fail_halfway() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert read_json(target) == {"a": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_read_json_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OodmlError, match=r"gone\.json: no such file"):
        read_json(tmp_path / "gone.json")
    (tmp_path / "torn.json").write_text('{"a": ')
    with pytest.raises(IntegrityError, match=r"torn\.json: not valid JSON"):
        read_json(tmp_path / "torn.json")


def test_vectors_round_trip(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    table = VectorTable(tuple("abcde"), vectors, {"label": tuple("xxyyz")})
    write_vectors(tmp_path / "v.parquet", table)
    read = read_vectors(tmp_path / "v.parquet")
    assert read.ids == table.ids
    assert read.columns == table.columns
    np.testing.assert_array_equal(read.vectors, vectors)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", "a"], "embedding": [[1.0], [2.0]]}, "'a' stands more than once"),
        ({"id": ["a", None], "embedding": [[1.0], [2.0]]}, "empty ids"),
        ({"id": ["a", "b"], "embedding": [[1.0], [2.0, 3.0]]}, "row 1 .* has 2 numbers"),
        ({"id": ["a", "b"], "embedding": [[1.0], [float("nan")]]}, r"row 1 \(id 'b'\)"),
        ({"id": ["a", "b"], "embedding": [[1.0], None]}, "empty rows"),
        ({"id": ["a", "b"], "embedding": [[1.0], [None]]}, "without nulls"),
        ({"id": ["a", "b"], "embedding": ["x", "y"]}, "expected lists"),
        ({"id": ["a", "b"], "vector": [[1.0], [2.0]]}, "no column 'embedding'"),
    ],
)
def test_wrong_vector_tables_are_named(tmp_path: Path, columns: dict, message: str) -> None:
    path = tmp_path / "wrong.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=message) as caught:
        read_vectors(path)
    assert "wrong.parquet" in str(caught.value)


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_vectors(tmp_path / "x.parquet")


@pytest.mark.parametrize("name", ["../out.txt", "/abs.txt", "a/../../b", "c:\\x", "a\\b"])
def test_archives_may_not_leave_their_folder(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(name, "x")
    with pytest.raises(DataError, match="refused"):
        extract_archive(archive, tmp_path / "target")
    assert [p for p in (tmp_path / "target").rglob("*") if p.is_file()] == []
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (12, "12 s"), (180, "3 min"), (7500, "2 h 5 min")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert readable_seconds(seconds) == text


def test_json_files_are_stable_text(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"a": "é", "b": 1}
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")
