"""A gallery in shards gives the table of the gallery in one piece."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import GalleryShard, positive_ranks, sharded_positive_ranks


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = random.integers(0, 12, 400)
    rows = random.normal(size=(12, 6))[labels] + random.normal(size=(400, 6))
    rows[::3] = np.round(rows[::3])
    rows[100:110] = rows[350]
    return rows.astype(np.float32), [f"c{i}" for i in labels], [f"im{i}" for i in range(400)]


def split(rows, labels, ids, edges=(0, 50, 51, 200, 400)):
    return [
        GalleryShard(rows[a:b], labels[a:b], ids[a:b] if ids else None) for a, b in pairwise(edges)
    ]


pytestmark = pytest.mark.usefixtures("engine")


def others(count):
    """Ids that no gallery has: an equal row there is another image."""
    return [f"query{i}" for i in range(count)]


def same(one, other):
    for name in ("ranks", "offsets", "labels", "gallery_sizes", "tied_before", "tied_after"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.query_ids == other.query_ids
    return True


@pytest.mark.parametrize("kind", ["cosine", "dot", "euclidean"])
def test_shards_add_up(data, kind):
    rows, labels, ids = data
    labels[7] = labels[300] = None
    asked = (rows[:120], labels[:120])
    whole = positive_ranks(
        *asked, gallery_embeddings=rows, gallery_labels=labels, ids=ids[:120], gallery_ids=ids,
        similarity=kind,
    )  # fmt: skip
    shards = split(rows, labels, ids)
    found = sharded_positive_ranks(*asked, shards, ids=ids[:120], similarity=kind, memory_mib=1)
    assert same(found, whole)
    assert found.tied_before.any()
    threads = sharded_positive_ranks(
        *asked, shards, ids=ids[:120], similarity=kind, devices=("cpu", "cpu")
    )
    assert same(threads, whole)


def test_classes_that_a_shard_lacks():
    random = np.random.default_rng(1)
    labels = np.sort(random.integers(0, 40, 120))
    rows = random.normal(size=(40, 6))[labels] + random.normal(size=(120, 6))
    names = [f"im{i}" for i in range(120)]
    whole = positive_ranks(
        rows, labels, ids=others(120), gallery_embeddings=rows, gallery_labels=labels,
        gallery_ids=names,
    )  # fmt: skip
    table = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for query, order in enumerate(np.argsort(-(table @ table.T), axis=1, kind="stable")):
        hits = np.flatnonzero(labels[order] == labels[query]) + 1
        assert whole.of(query).tolist() == hits.tolist()
    shards = split(rows, labels, names, edges=(0, 30, 60, 90, 120))
    assert same(sharded_positive_ranks(rows, labels, shards, ids=others(120)), whole)


def test_without_ids(data):
    rows, labels, _ = data
    asked, gallery = (rows[:90], labels[:90]), (rows[90:], labels[90:])
    whole = positive_ranks(*asked, gallery_embeddings=gallery[0], gallery_labels=gallery[1])
    shards = split(*gallery, None, edges=(0, 50, 51, 310))
    assert same(sharded_positive_ranks(*asked, shards), whole)


def test_queries_in_the_gallery_without_ids_are_refused(data):
    rows, labels, _ = data
    with pytest.raises(UsageError, match="the shards hold the queries themselves"):
        sharded_positive_ranks(rows[:90], labels[:90], split(rows, labels, None))


def test_labels_of_mixed_types(data):
    rows, labels, ids = data
    numbers = [int(one[1:]) for one in labels]
    mixed = numbers[:200] + [str(one) for one in numbers[200:]]
    whole = positive_ranks(
        rows[:90], numbers[:90], ids=ids[:90], gallery_embeddings=rows, gallery_labels=mixed,
        gallery_ids=ids,
    )  # fmt: skip
    found = sharded_positive_ranks(rows[:90], numbers[:90], split(rows, mixed, ids), ids=ids[:90])
    assert same(found, whole)


def test_integer_arrays_as_labels(data):
    rows, labels, ids = data
    numbers = np.array([int(one[1:]) for one in labels], np.int32)
    listed, column = numbers.tolist(), torch.from_numpy(numbers)
    asked = {"ids": ids[:90]}
    gallery = {"gallery_embeddings": rows, "gallery_ids": ids} | asked
    whole = positive_ranks(rows[:90], listed[:90], gallery_labels=listed, **gallery)
    again = positive_ranks(rows[:90], column[:90], gallery_labels=numbers, **gallery)
    assert same(again, whole)
    assert again.class_names == whole.class_names == tuple(str(one) for one in range(12))
    for given in (numbers, listed):
        shards = split(rows, numbers, ids)
        assert same(sharded_positive_ranks(rows[:90], given[:90], shards, **asked), whole)
    distractors = numbers.astype(object)
    distractors[5:300:7] = None
    shards = split(rows, distractors.tolist(), ids)
    expected = positive_ranks(rows[:90], listed[:90], gallery_labels=distractors, **gallery)
    assert same(sharded_positive_ranks(rows[:90], numbers[:90], shards, **asked), expected)


def test_files_in_other_processes(data, tmp_path):
    rows, labels, ids = data
    shards = []
    for number, shard in enumerate(split(rows, labels, ids, (0, 150, 400))):
        path = tmp_path / f"{number}.npy"
        np.save(path, shard.embeddings)
        shards.append(GalleryShard(path, shard.labels, shard.ids))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = sharded_positive_ranks(rows, labels, shards, ids=ids, executor=pool)
    assert same(found, positive_ranks(rows, labels, ids=ids))


def test_errors(data, tmp_path):
    rows, labels, ids = data
    with pytest.raises(UsageError, match="at least one"):
        sharded_positive_ranks(rows, labels, [])
    with pytest.raises(UsageError, match="all of them or for none"):
        sharded_positive_ranks(
            rows, labels, [GalleryShard(rows, labels), GalleryShard(rows, labels, ids)]
        )
    with pytest.raises(DataError, match="id 'im0' stands again"):
        sharded_positive_ranks(rows, labels, [GalleryShard(rows, labels, ids)] * 2)
    with pytest.raises(DataError, match="5 columns"):
        sharded_positive_ranks(rows, labels, [GalleryShard(rows[:, :5], labels)])
    with pytest.raises(DataError, match="no such file"):
        sharded_positive_ranks(rows, labels, [GalleryShard(tmp_path / "x.npy", labels)])
    with pytest.raises(DataError, match="399 labels for 400 rows"):
        sharded_positive_ranks(rows, labels, [GalleryShard(rows, labels[1:])])
