"""Lists of first neighbours found by faiss, against exact ranks and a plain float64 reference."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest
from retrieval_reference import metric as reference_metric
from retrieval_reference import ranked_lists

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import (
    approximate_neighbours,
    evaluate,
    metrics_from_neighbours,
    positive_ranks,
    recall_from_neighbours,
)


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss", reason="faiss is not installed (oodml[faiss])")


def clustered(count=600, classes=40, dim=16, noise=1.0, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=count)
    rows = random.normal(size=(classes, dim))[labels] + noise * random.normal(size=(count, dim))
    return rows.astype(np.float32), labels


NAMES = ["recall_at_1", "recall_at_10", "cmc_at_10", "precision_at_1", "precision_at_7"]
NAMES += ["map_at_10", "r_precision", "map_at_r", "map_c_oodml"]


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_flat_index_gives_the_exact_metrics(faiss, similarity):
    rows, labels = clustered()
    lists = approximate_neighbours(rows, labels, 60, similarity=similarity, index="Flat")
    exact = evaluate(rows, labels, NAMES, similarity=similarity).metrics
    found = metrics_from_neighbours(lists, NAMES)
    assert found == pytest.approx({name: exact[name] for name in NAMES}, abs=1e-12)
    assert lists.list_recall == 1.0
    assert lists.checked_queries == 100


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_flat_places_are_the_exact_ranks(faiss, similarity):
    rows, labels = clustered(count=90, classes=9, dim=3)
    rows[30:60] = rows[:30]  # exact duplicates, under other labels
    rows[60:64] = 0
    lists = approximate_neighbours(rows, labels, 89, similarity=similarity)
    ranks = positive_ranks(rows, labels, similarity=similarity)
    assert lists.query_ids == ranks.query_ids
    assert np.array_equal(lists.positives, ranks.positives)
    for query in range(90):
        assert np.array_equal(np.flatnonzero(lists.hits[query]) + 1, ranks.of(query))
        assert sorted(lists.neighbours[query]) == [row for row in range(90) if row != query]


def test_flat_with_duplicates_against_the_loop_reference(faiss):
    rows, labels = clustered(count=80, classes=8, dim=4)
    rows[40:] = rows[:40]
    lists = approximate_neighbours(rows, labels, 10)
    relevance = ranked_lists(rows, labels.tolist())
    scored = [one for one in relevance if any(one)]
    for name in ("recall_at_1", "precision_at_5", "map_at_10"):
        expected = np.mean([reference_metric(name, one) for one in scored])
        assert metrics_from_neighbours(lists, [name])[name] == pytest.approx(expected, abs=1e-12)


def test_inverted_file_lists_are_ordered_and_never_hold_the_query(faiss):
    rows, labels = clustered(count=3000, classes=100, dim=8)
    rows[1500:1700] = rows[:200]
    lists = approximate_neighbours(rows, labels, 20, index="IVF64,Flat", probes=2)
    assert lists.index == "IVF64,Flat"
    assert not np.any(lists.neighbours == np.arange(3000)[:, None])
    for query in range(0, 3000, 13):
        assert lists.hits[query].sum() <= lists.positives[query]
        row = lists.neighbours[query]
        listed = row[row >= 0]
        assert len(set(listed.tolist())) == len(listed)
        assert np.array_equal(lists.hits[query], (row >= 0) & (labels[row] == labels[query]))
    unit = rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    scores = np.take_along_axis(unit @ unit.T, np.maximum(lists.neighbours, 0), axis=1)
    scores[lists.neighbours < 0] = -np.inf
    with np.errstate(invalid="ignore"):
        assert not np.any(np.diff(scores, axis=1) > 1e-6)
    assert 0.2 < lists.list_recall < 1.0


def test_places_in_a_list_are_at_most_exact_ranks(faiss):
    rows, labels = clustered(count=1200, classes=30, dim=8)
    lists = approximate_neighbours(rows, labels, 50, index="IVF40,Flat", probes=2)
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1)[:, None]
    table = unit @ unit.T
    np.fill_diagonal(table, -np.inf)
    rank_of = np.empty(table.shape, np.int64)
    np.put_along_axis(rank_of, np.argsort(-table, axis=1), np.arange(1, 1201)[None], axis=1)
    found = lists.neighbours >= 0
    exact = np.take_along_axis(rank_of, np.maximum(lists.neighbours, 0), axis=1)
    assert np.all((exact >= np.arange(1, 51))[found])
    assert np.any((exact > np.arange(1, 51))[found])


def test_all_lists_probed_is_exact_again(faiss):
    rows, labels = clustered(count=2000, classes=50, dim=8)
    lists = approximate_neighbours(rows, labels, 80, index="IVF20,Flat", probes=20)
    exact = evaluate(rows, labels, NAMES).metrics
    assert metrics_from_neighbours(lists, NAMES) == pytest.approx(exact, abs=1e-12)
    assert lists.list_recall == 1.0
    assert recall_from_neighbours(lists, 1) == pytest.approx(exact["recall_at_1"], abs=1e-12)


def test_list_recall_is_the_share_of_true_neighbours(faiss):
    rows, labels = clustered(count=1500, classes=50, dim=8)
    lists = approximate_neighbours(
        rows, labels, 10, index="IVF32,Flat", probes=1, checked_queries=1500
    )
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1)[:, None]
    table = unit @ unit.T
    np.fill_diagonal(table, -np.inf)
    true = np.argsort(-table, axis=1)[:, :10]
    pairs = zip(lists.neighbours, true, strict=True)
    expected = np.mean([len(set(a.tolist()) & set(b.tolist())) / 10 for a, b in pairs])
    assert lists.list_recall == pytest.approx(expected, abs=1e-9)
    more = approximate_neighbours(rows, labels, 10, index="IVF32,Flat", probes=8)
    assert more.list_recall > lists.list_recall


def test_short_galleries_are_padded(faiss):
    rows, labels = clustered(count=5, classes=2, dim=4)
    lists = approximate_neighbours(rows, labels, 10)
    assert lists.neighbours.shape == (5, 10)
    assert np.all(lists.neighbours[:, :4] >= 0)
    assert np.all(lists.neighbours[:, 4:] == -1)
    assert not lists.hits[:, 4:].any()
    exact = evaluate(rows, labels, ["recall_at_10", "precision_at_10", "map_at_r"]).metrics
    assert metrics_from_neighbours(lists, list(exact)) == pytest.approx(exact, abs=1e-12)


def test_padding_of_an_inverted_file_is_no_hit(faiss):
    # The last gallery row is what -1 would read: give it everybody's class.
    rows, _ = clustered(count=400, classes=4, dim=8)
    labels = np.zeros(400, np.int64)
    lists = approximate_neighbours(rows, labels, 300, index="IVF10,Flat", probes=1, spare=0)
    assert np.any(lists.neighbours == -1)
    assert np.array_equal(lists.hits, lists.neighbours >= 0)
    padded = np.diff((lists.neighbours == -1).astype(int), axis=1)
    assert np.all(padded >= 0)  # only at the end


def test_gallery_distractors_and_identity(faiss):
    rows, labels = clustered(count=200, classes=10, dim=6)
    gallery_labels = [None if row % 5 == 0 else int(one) for row, one in enumerate(labels)]
    ids = [f"i{row}" for row in range(200)]
    given = {
        "gallery_embeddings": rows, "gallery_labels": gallery_labels,
        "ids": ids[50:90], "gallery_ids": ids,
    }  # fmt: skip
    lists = approximate_neighbours(rows[50:90], labels[50:90], 40, **given)
    assert not np.any(lists.neighbours == np.arange(50, 90)[:, None])
    exact = evaluate(rows[50:90], labels[50:90], NAMES, **given).metrics
    assert metrics_from_neighbours(lists, NAMES) == pytest.approx(exact, abs=1e-12)


def test_a_memory_mapped_gallery(faiss, tmp_path):
    rows, labels = clustered(count=300, classes=10, dim=6)
    np.save(tmp_path / "gallery.npy", rows)
    mapped = np.load(tmp_path / "gallery.npy", mmap_mode="r")
    queries, query_labels = clustered(count=20, classes=10, dim=6, seed=1)
    given = {"gallery_embeddings": mapped, "gallery_labels": labels}
    lists = approximate_neighbours(queries, query_labels, 60, **given)
    exact = evaluate(queries, query_labels, NAMES, **given).metrics
    assert metrics_from_neighbours(lists, NAMES) == pytest.approx(exact, abs=1e-12)


def test_metrics_that_need_more_than_the_lists_hold_are_refused(faiss):
    rows, labels = clustered(count=200, classes=4, dim=6)
    lists = approximate_neighbours(rows, labels, 10)
    most = int(lists.positives.max())
    for name, needed in (("recall_at_11", 11), ("map_at_r", most), ("map_c_oodml", most + 1)):
        with pytest.raises(UsageError, match=f"search with k={needed}"):
            metrics_from_neighbours(lists, [name])
    for name in ("map", "mrr", "nmi"):
        with pytest.raises(UsageError, match="needs the whole ranking"):
            metrics_from_neighbours(lists, [name])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"k": 0}, UsageError, "k=0"),
        ({"probes": 0}, UsageError, "probes=0"),
        ({"spare": -1}, UsageError, "spare=-1"),
        ({"index": "Nonsense7"}, UsageError, "Nonsense7"),
        ({"index": "IVF500,Flat"}, UsageError, "fewer lists"),
        ({"similarity": "manhattan"}, UsageError, "manhattan"),
        ({"gallery_ids": ["a"]}, UsageError, "use ids"),
        ({"gallery_embeddings": np.ones((2, 4))}, UsageError, "go together"),
        ({"labels": [0]}, DataError, "1 labels for 60 rows"),
        ({"device": "cuda:99x"}, UsageError, "cuda:99x"),
    ],
)
def test_wrong_requests(faiss, change, error, words):
    rows, labels = clustered(count=60, classes=4, dim=6)
    given = {"labels": labels, "k": 5} | change
    with pytest.raises(error, match=words):
        approximate_neighbours(rows, **given)


def test_a_search_that_faiss_refuses(faiss, monkeypatch):
    """GPU indexes find at most 2048 neighbours; a CPU one stands in for that refusal."""

    class Refusing:
        is_trained = True

        def add(self, rows):
            pass

        def search(self, rows, k):
            raise RuntimeError("Error in GpuIndex::search\nk (2133) > 2048")

    monkeypatch.setattr("oodml.evaluation.search.approximate.create_index", lambda *a: Refusing())
    with pytest.raises(UsageError, match=r"search for 133 .*k \(2133\) > 2048.*GPU"):
        approximate_neighbours(*clustered(), 100)


def test_a_gpu_that_is_not_there(faiss):
    if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus():
        pytest.skip("this machine has a GPU and a faiss for it")
    rows, labels = clustered(count=60, classes=4, dim=6)
    with pytest.raises(UsageError, match=r"oodml\[gpu\]"):
        approximate_neighbours(rows, labels, 5, device="cuda:0")


def test_without_faiss(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "faiss":
            raise ImportError("No module named 'faiss'")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "faiss", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    rows, labels = clustered(count=60, classes=4, dim=6)
    with pytest.raises(UsageError, match=r'pip install "oodml\[faiss\]"'):
        approximate_neighbours(rows, labels, 5)
