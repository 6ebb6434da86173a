"""ranks.parquet: what goes in comes out; what was tampered with does not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oodml.core.errors import DataError, IntegrityError
from oodml.core.parquet import write_table
from oodml.evaluation import load_ranks, positive_ranks, report_from_ranks, save_ranks


@pytest.fixture
def ranks():
    random = np.random.default_rng(0)
    rows = random.integers(-1, 2, (40, 3)).astype(np.float32)
    labels = [*(f"class {i % 6}" for i in range(38)), "alone", None]
    return positive_ranks(rows, labels, ids=[f"im{i}" for i in range(40)])


def test_round_trip(ranks, tmp_path):
    path = tmp_path / "ranks.parquet"
    save_ranks(ranks, path)
    loaded = load_ranks(path)
    for name in ("ranks", "offsets", "labels", "gallery_sizes", "tied_before", "tied_after"):
        assert np.array_equal(getattr(loaded, name), getattr(ranks, name)), name
        assert getattr(loaded, name).dtype == np.int64
    assert loaded.query_ids == ranks.query_ids
    assert loaded.class_names == ranks.class_names
    assert (loaded.similarity, loaded.unlabelled_queries) == ("cosine", 1)
    assert report_from_ranks(loaded).metrics == report_from_ranks(ranks).metrics
    table = pq.read_table(path)
    assert table.column_names[:4] == ["query_id", "class", "gallery_size", "positive_ranks"]


def test_damage_is_noticed(ranks, tmp_path):
    path = tmp_path / "ranks.parquet"
    with pytest.raises(DataError, match="no such file"):
        load_ranks(path)
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="not a readable Parquet"):
        load_ranks(path)
    save_ranks(ranks, path)
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)  # with the checksum of the whole
    with pytest.raises(IntegrityError, match="does not match its checksum"):
        load_ranks(path)
    # with a checksum that is right, what cannot be is still refused
    write_table(path, table.drop_columns(["positive_ranks"]))
    with pytest.raises(IntegrityError, match="no column positive_ranks"):
        load_ranks(path)
    lists = table["positive_ranks"].to_pylist()
    lists[4] = [999, *lists[4][1:]]
    at = table.column_names.index("positive_ranks")
    changed = table.set_column(at, "positive_ranks", pa.array(lists, pa.large_list(pa.int64())))
    write_table(path, changed)
    with pytest.raises(IntegrityError, match="impossible ranks for query 'im4'"):
        load_ranks(path)
