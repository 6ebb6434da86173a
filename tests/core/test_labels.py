"""One rule for what a label is, wherever labels are given."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from oodml.core.errors import DataError
from oodml.core.labels import encode_labels, is_missing, label_cells, plain_label, plain_labels
from oodml.core.vectors import VectorTable, write_vectors
from oodml.evaluation import GalleryShard, episode_accuracy, evaluate, sharded_positive_ranks
from oodml.evaluation.files.embedding_files import read_labelled
from oodml.shift.distance.labelled import LabelledFeatures

MISSING = [
    None, float("nan"), np.float32("nan"), np.float16("nan"), "", np.str_(""), pd.NA, pd.NaT,
    np.datetime64("NaT"), Decimal("nan"), np.array(float("nan")), torch.tensor(float("nan")),
]  # fmt: skip


@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_missing_labels_are_missing_everywhere(missing):
    assert plain_label(missing) is None
    rows = np.random.default_rng(0).normal(size=(9, 4))
    labels = ["a", "a", "b", missing, "b", "c", "c", missing, "c"]
    without = [one for place, one in enumerate(labels) if place not in (3, 7)]
    report = evaluate(rows, labels, ["map_at_r"])
    assert report.counts["unlabelled_queries"] == 2
    assert report.ranks.class_names == ("a", "b", "c")
    shard = GalleryShard(rows, labels, [str(i) for i in range(9)])
    sharded = sharded_positive_ranks(rows, labels, [shard], ids=[str(i) for i in range(9)])
    assert sharded.ranks.tolist() == report.ranks.ranks.tolist()
    data = LabelledFeatures.of(rows, labels)
    assert data.unlabelled == 2
    assert data.names.tolist() == without
    assert episode_accuracy(rows, labels, [[0, 2, 5]]).shape == (1,)
    with pytest.raises(DataError, match="row 3 has no label"):
        episode_accuracy(rows, labels, [[0, 3]])


COLUMNS = {
    "list": [1, 1, 2, 2, None, 3, 3],
    "floats": np.array([1, 1, 2, 2, np.nan, 3, 3]),
    "half": torch.tensor([1, 1, 2, 2, float("nan"), 3, 3], dtype=torch.bfloat16),
    "objects": np.array([1, 1.0, np.int8(2), 2, None, 3, 3], object),
    "series": pd.Series([1, 1, 2, 2, None, 3, 3]),
    "nullable": pd.Series([1, 1, 2, 2, pd.NA, 3, 3], dtype="Int64"),
    "category": pd.Series([1, 1, 2, 2, None, 3, 3], dtype="category"),
    "masked": np.ma.masked_equal([1, 1, 2, 2, 9, 3, 3], 9),
    "arrow": pa.array([1, 1, 2, 2, None, 3, 3]),
    "text": ["1", "1", "2", "2", "", "3", "3"],
    "bytes": np.array([b"1", b"1", b"2", b"2", b"", b"3", b"3"], "S1"),
    "mixture": [1, "1", 2.0, "2", float("nan"), np.str_("3"), 3],
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_gives_the_same_classes(kind):
    rows = np.random.default_rng(0).normal(size=(7, 4))
    codes, names = encode_labels([plain_labels(COLUMNS[kind])])
    assert codes[0].tolist() == [0, 0, 1, 1, -1, 2, 2]
    assert names == ("1", "2", "3")
    expected = evaluate(rows, COLUMNS["list"], ["map"])
    assert evaluate(rows, COLUMNS[kind], ["map"]).metrics == expected.metrics
    # queries of one type, the gallery of another
    found = evaluate(
        rows,
        COLUMNS[kind],
        ["map"],
        gallery_embeddings=rows + 1,
        gallery_labels=[1, 1, 2, 2, 0, 3, 3],
    )
    assert found.counts["queries"] == 6
    assert LabelledFeatures.of(rows, COLUMNS[kind]).names.tolist() == ["1", "1", "2", "2", "3", "3"]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (None, "NoneType"), ("abcd", "got str"), ({"a": 1}, "got dict"), (np.array(3), "shape"),
        (np.zeros((2, 2)), "shape"), (pd.DataFrame({"a": [1]}), "shape"), (5, "got int"),
        ([1, [2], 3], "row 1 is a list"), ([{"a": 1}], "row 0 is a dict"),
        ([np.zeros(2)], "row 0 is a list"),
    ],
)  # fmt: skip
def test_what_is_no_column_of_labels_is_refused(labels, text):
    with pytest.raises(DataError, match=f"labels.*{text}"):
        plain_labels(labels)


@pytest.mark.parametrize("suffix", ["parquet", "safetensors", "csv"])
def test_files_with_float_labels_have_no_class_nan(suffix, tmp_path):
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    values = [1.0, np.nan, 2.0, 2.0, 1.0]
    path, labels = tmp_path / f"rows.{suffix}", "label"
    if suffix == "safetensors":
        from safetensors.torch import save_file

        save_file({"embeddings": torch.from_numpy(rows), "label": torch.tensor(values)}, path)
    elif suffix == "parquet":
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 3)
        columns = {"id": list("abcde"), "embedding": lists, "label": values}
        pa.parquet.write_table(pa.table(columns), path)
    else:
        path = tmp_path / "rows.parquet"
        write_vectors(path, VectorTable(tuple("abcde"), rows))
        labels = str(tmp_path / "labels.csv")
        np.savetxt(labels, values, header="label", comments="", fmt="%.1f")
        table = pd.read_csv(labels).assign(id=list("abcde"))
        table.to_csv(labels, index=False, na_rep="nan")
    found = read_labelled(path, labels)
    assert found.labels == ("1", "", "2", "2", "1")
    assert evaluate(found.embeddings, found.labels, ["map"]).ranks.class_names == ("1", "2")


def test_text_cells_stay_text():
    assert label_cells(["1.10", "1.1", "2.0"]) == ("1.10", "1.1", "2.0")
    assert label_cells(["nan", "tandoori"]) == ("nan", "tandoori")
    assert label_cells(["007", "8"]) == ("007", "8")
    assert not is_missing("nan")
