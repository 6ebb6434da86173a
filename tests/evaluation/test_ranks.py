"""Positive ranks against sorted lists, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
import retrieval_reference as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import positive_ranks
from oodml.evaluation.ranks.engines import compiled

pytestmark = pytest.mark.usefixtures("engine")


KINDS = ["cosine", "dot", "euclidean"]


def clustered(n: int, classes: int, dim: int, seed: int, noise: float = 1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    centres = random.normal(size=(classes, dim))
    rows = centres[labels] + noise * random.normal(size=(n, dim))
    return rows.astype(np.float32), labels


def check(ranks, lists) -> None:
    assert [ranks.of(i).tolist() for i in range(len(ranks))] == [
        reference.ranks_of(one) for one in lists
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_random_embeddings(kind):
    rows, labels = clustered(80, 9, 12, seed=1)
    ranks = positive_ranks(rows, labels, similarity=kind)
    check(ranks, reference.ranked_lists(rows, labels, kind=kind))
    assert ranks.gallery_sizes.tolist() == [79] * 80
    assert not ranks.tied_before.any()


@pytest.mark.parametrize("kind", KINDS)
def test_integer_embeddings_are_full_of_ties(kind):
    random = np.random.default_rng(2)
    rows = random.integers(-2, 3, (90, 4)).astype(np.float32)
    labels = random.integers(0, 6, 90)
    ranks = positive_ranks(rows, labels, similarity=kind)
    check(ranks, reference.ranked_lists(rows, labels, kind=kind))
    assert (ranks.tied_before + ranks.tied_after).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory_mib", [1, 64])
def test_duplicates_are_ties_in_gallery_order(kind, memory_mib):
    random = np.random.default_rng(3)
    distinct = random.normal(size=(15, 200)).astype(np.float32)
    rows = distinct[random.integers(0, 15, 120)]
    labels = random.integers(0, 5, 120)
    ranks = positive_ranks(rows, labels, similarity=kind, memory_mib=memory_mib)
    check(ranks, reference.ranked_lists(rows, labels, kind=kind))


def test_collapsed_embeddings_keep_gallery_order():
    rows = np.tile(np.random.default_rng(4).normal(size=300), (50, 1)).astype(np.float32)
    labels = np.arange(50) % 5
    ranks = positive_ranks(rows, labels)
    assert ranks.of(0).tolist() == [5, 10, 15, 20, 25, 30, 35, 40, 45]
    assert ranks.with_ties("optimistic").of(0).tolist() == list(range(1, 10))
    assert ranks.with_ties("pessimistic").of(0).tolist() == list(range(41, 50))
    # 9 positives among 49 tied items: mean i-th place 50 i / 10.
    assert np.allclose(ranks.expected_ranks()[:9], 5.0 * np.arange(1, 10))


def test_nearly_collapsed_embeddings_are_ranked_in_float64():
    random = np.random.default_rng(5)
    rows = (1 + 1e-4 * random.normal(size=(70, 64))).astype(np.float32)
    labels = random.integers(0, 7, 70)
    check(positive_ranks(rows, labels), reference.ranked_lists(rows, labels, tie=1e-15))


def test_random_tie_order_averages_to_the_expected_ranks():
    random = np.random.default_rng(6)
    rows = random.integers(-1, 2, (40, 3)).astype(np.float32)
    ranks = positive_ranks(rows, random.integers(0, 4, 40), similarity="dot")
    drawn = np.mean([ranks.with_random_ties(seed).ranks for seed in range(800)], axis=0)
    # A rank has standard deviation below 8 here, its mean over 800 draws below 0.3.
    assert np.abs(drawn - ranks.expected_ranks()).max() < 1.2
    assert (ranks.with_ties("optimistic").ranks <= ranks.ranks).all()
    assert (ranks.with_ties("pessimistic").ranks >= ranks.ranks).all()
    for seed in range(5):
        one = ranks.with_random_ties(seed)
        assert all((np.diff(one.of(query)) > 0).all() for query in range(len(one)))


def test_singletons_zero_vectors_and_one_class():
    rows = np.array([[1, 0], [0, 1], [0, 0], [2, 0.1], [0, 0]], np.float32)
    labels = ["a", "lonely", "b", "a", "b"]
    ranks = positive_ranks(rows, labels)
    check(ranks, reference.ranked_lists(rows, labels))
    assert ranks.positives.tolist() == [1, 0, 1, 1, 1]
    assert len(ranks.scored()) == 4
    # Zero vectors have cosine 0 with everything: the other "b" is last of four ties.
    assert ranks.of(2).tolist() == [4]
    one_class = positive_ranks(rows, ["a"] * 5)
    assert [one_class.of(i).tolist() for i in range(5)] == [[1, 2, 3, 4]] * 5


@pytest.mark.parametrize("kind", KINDS)
def test_query_and_gallery_sets_with_ids_and_distractors(kind):
    rows, labels = clustered(60, 6, 8, seed=7)
    query, gallery = rows[:25], rows[15:]
    query_labels, gallery_labels = labels[:25].tolist(), labels[15:].tolist()
    gallery_labels[30:40] = [None] * 10
    names = [f"im{i}" for i in range(60)]
    own = [i - 15 if i >= 15 else None for i in range(25)]
    ranks = positive_ranks(
        query, query_labels, gallery_embeddings=gallery, gallery_labels=gallery_labels,
        ids=names[:25], gallery_ids=names[15:], similarity=kind,
    )  # fmt: skip
    check(
        ranks,
        reference.ranked_lists(query, query_labels, gallery, gallery_labels, kind, own),
    )
    assert ranks.gallery_sizes.tolist() == [45] * 15 + [44] * 10
    without_ids = positive_ranks(
        query, query_labels, gallery_embeddings=gallery, gallery_labels=gallery_labels,
        similarity=kind,
    )  # fmt: skip
    check(
        without_ids,
        reference.ranked_lists(query, query_labels, gallery, gallery_labels, kind, [None] * 25),
    )


def test_nothing_and_next_to_nothing():
    assert len(positive_ranks(np.ones((0, 3)), [])) == 0
    assert len(positive_ranks(np.ones((2, 3)), [None, ""])) == 0
    alone = positive_ranks(np.ones((1, 3)), ["a"])
    assert (len(alone), len(alone.ranks), alone.gallery_sizes.tolist()) == (1, 0, [0])
    none = positive_ranks(
        np.ones((2, 3)), ["a", "b"], gallery_embeddings=np.ones((0, 3)), gallery_labels=[]
    )
    assert none.positives.tolist() == [0, 0]


def test_the_same_id_under_another_label_is_still_oneself():
    rows = np.array([[1, 0], [0.9, 0.1], [0.5, 0.5]], np.float32)
    ranks = positive_ranks(
        rows[:1], ["a"], gallery_embeddings=rows, gallery_labels=["b", "b", "a"],
        ids=["x"], gallery_ids=["x", "y", "z"],
    )  # fmt: skip
    assert ranks.ranks.tolist() == [2]


def test_unlabelled_rows_are_distractors():
    rows, labels = clustered(40, 4, 6, seed=8)
    marked = [None if i % 5 == 0 else int(label) for i, label in enumerate(labels)]
    ranks = positive_ranks(rows, marked)
    assert ranks.unlabelled_queries == 8
    assert len(ranks) == 32
    assert set(ranks.gallery_sizes.tolist()) == {39}
    lists = reference.ranked_lists(rows, marked)
    check(ranks, [one for one, label in zip(lists, marked, strict=True) if label is not None])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16])
def test_other_numpy_types(dtype):
    rows = np.random.default_rng(9).integers(-9, 9, (50, 5)).astype(dtype)
    labels = np.arange(50) % 6
    given = positive_ranks(rows, labels, similarity="dot")
    assert np.array_equal(
        given.ranks, positive_ranks(rows.astype(np.float32), labels, similarity="dot").ranks
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_torch_types(dtype):
    rows, labels = clustered(50, 6, 8, seed=10)
    tensor = torch.from_numpy(rows).to(dtype)
    given = positive_ranks(tensor, torch.from_numpy(labels))
    same = positive_ranks(tensor.to(torch.float64).numpy(), labels)
    assert np.array_equal(given.ranks, same.ranks)


def test_huge_and_tiny_values_do_not_overflow():
    rows, labels = clustered(40, 5, 8, seed=11)
    for kind in KINDS:
        plain = positive_ranks(rows, labels, similarity=kind).ranks
        for scale in (2.0**110, 2.0**-100):
            scaled = positive_ranks((rows * scale).astype(np.float32), labels, similarity=kind)
            assert np.array_equal(scaled.ranks, plain)


def test_precision_settings_of_the_caller_do_not_matter():
    rows, labels = clustered(60, 6, 32, seed=12)
    plain = positive_ranks(rows, labels).ranks
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert np.array_equal(positive_ranks(rows, labels).ranks, plain)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_errors_name_the_row():
    rows, labels = clustered(10, 2, 3, seed=13)
    rows[6, 1] = np.nan
    with pytest.raises(DataError, match=r"row 6 \(id 'g'\) has NaN"):
        positive_ranks(rows, labels, ids=list("abcdefghij"))
    with pytest.raises(DataError, match=r"shape \(10,\)"):
        positive_ranks(rows[:, 0], labels)
    with pytest.raises(DataError, match="9 labels for 10 rows"):
        positive_ranks(np.ones((10, 2)), labels[:9])
    with pytest.raises(DataError, match="id 'a' stands again at row 1"):
        positive_ranks(np.ones((2, 2)), [0, 0], ids=["a", "a"])
    with pytest.raises(DataError, match="2 columns, gallery_embeddings have 3"):
        positive_ranks(
            np.ones((2, 2)), [0, 0], gallery_embeddings=np.ones((2, 3)), gallery_labels=[0, 0]
        )
    with pytest.raises(UsageError, match="go together"):
        positive_ranks(np.ones((2, 2)), [0, 0], gallery_labels=[0, 0])
    with pytest.raises(UsageError, match="similarity 'l1'"):
        positive_ranks(np.ones((2, 2)), [0, 0], similarity="l1")
    with pytest.raises(DataError, match="overflows"):
        positive_ranks(np.full((2, 2), 1.7e308), [0, 0], similarity="dot")


small_rows = st.integers(2, 24).flatmap(
    lambda n: st.tuples(
        st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


shared_fixture = [HealthCheck.function_scoped_fixture]  # the engine stays as it is


@settings(max_examples=60, deadline=None, suppress_health_check=shared_fixture)
@given(data=small_rows, kind=st.sampled_from(KINDS))
def test_small_integers_match_the_reference(data, kind):
    rows, labels = np.array(data[0], np.float32), data[1]
    ranks = positive_ranks(rows, labels, similarity=kind)
    check(ranks, reference.ranked_lists(rows, labels, kind=kind))
    best, worst = (ranks.with_ties(order).ranks for order in ("optimistic", "pessimistic"))
    for query, row in enumerate(reference.similarities(rows, rows, kind)):
        at = slice(ranks.offsets[query], ranks.offsets[query + 1])
        others = [j for j in range(len(rows)) if j != query]
        for order, found in ((-1, best[at]), (1, worst[at])):
            # Negatives last or first among equals, then read off the places of the positives.
            others.sort(key=lambda j: (-row[j], -order * (labels[j] != labels[query])))
            hits = [place + 1 for place, j in enumerate(others) if labels[j] == labels[query]]
            assert found.tolist() == hits


@settings(max_examples=20, deadline=None, suppress_health_check=shared_fixture)
@given(seed=st.integers(0, 2**32 - 1), memory=st.sampled_from([1, 2, 256]))
def test_memory_budget_changes_nothing(seed, memory):
    rows, labels = clustered(150, 7, 6, seed=seed, noise=0.7)
    rows[::7] = rows[3]
    plain = positive_ranks(rows, labels)
    tight = positive_ranks(rows, labels, memory_mib=memory)
    assert np.array_equal(plain.ranks, tight.ranks)
    assert np.array_equal(plain.tied_before, tight.tied_before)


@settings(max_examples=20, deadline=None, suppress_health_check=shared_fixture)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_distinct_rows_does_not_matter(seed):
    rows, labels = clustered(60, 6, 8, seed=seed)
    order = np.random.default_rng(seed).permutation(60)
    plain = positive_ranks(rows, labels)
    moved = positive_ranks(rows[order], labels[order])
    assert [moved.of(i).tolist() for i in range(60)] == [plain.of(i).tolist() for i in order]


@settings(max_examples=20, deadline=None, suppress_health_check=shared_fixture)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
def test_rotation_does_not_matter(seed, kind):
    rows, labels = clustered(50, 5, 8, seed=seed)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))[0]
    # Rotated rows are rounded to float32 again: only gaps beyond that rounding are comparable.
    table = np.sort(np.array(reference.similarities(rows[:50], rows[:50], kind)), axis=1)
    if np.diff(table, axis=1).min() < 1e-5 * np.abs(table).max():
        return
    plain = positive_ranks(rows, labels, similarity=kind)
    turned = positive_ranks(rows.astype(np.float64) @ rotation, labels, similarity=kind)
    assert np.array_equal(plain.ranks, turned.ranks)


@pytest.mark.parametrize("kind", KINDS)
def test_small_tiles_agree_with_one_tile(kind, monkeypatch):
    from oodml.evaluation.ranks.engines import compiled_counting as fast_counting
    from oodml.evaluation.ranks.engines import torch_counting as counting

    rows, labels = clustered(300, 11, 16, seed=14)
    rows[40:60] = rows[0]
    plain = positive_ranks(rows, labels, similarity=kind)
    monkeypatch.setattr(counting, "_TILE_COLUMNS", 37)
    monkeypatch.setattr(counting, "_CELL_BYTES", 40_000)
    monkeypatch.setattr(fast_counting, "_SIDE", 23)
    monkeypatch.setattr(fast_counting, "available_threads", lambda: 3)
    tiled = positive_ranks(rows, labels, memory_mib=1, similarity=kind)
    assert np.array_equal(plain.ranks, tiled.ranks)
    assert np.array_equal(plain.tied_after, tiled.tied_after)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [2, 12, 60, 200])
def test_engines_agree_on_few_and_many_positives(kind, classes, monkeypatch):
    rows, labels = clustered(500, classes, 10, seed=classes, noise=1.5)
    rows[::9] = np.round(rows[::9])
    rows[::50] = rows[7]
    one = positive_ranks(rows, labels, similarity=kind, memory_mib=2)
    monkeypatch.setattr(compiled, "compiled_loops_available", lambda: False)
    other = positive_ranks(rows, labels, similarity=kind)
    for name in ("ranks", "tied_before", "tied_after", "offsets"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [3, 20, 150])
def test_query_classes_that_the_gallery_lacks(kind, size):
    """Between, before and after classes that it has; their queries have no positives."""
    rows, labels = clustered(5 * size, 5, 8, seed=size)
    labels = np.sort(labels)
    rows += labels[:, None] * 0.1
    kept = np.isin(labels, (1, 3))
    asked = np.arange(0, len(rows), 1 + size // 10)
    ranks = positive_ranks(
        rows[asked], labels[asked], gallery_embeddings=rows[kept], gallery_labels=labels[kept],
        similarity=kind,
    )  # fmt: skip
    lists = reference.ranked_lists(
        rows[asked], labels[asked], rows[kept], labels[kept], kind=kind,
        self_of=[None] * len(asked),
    )  # fmt: skip
    check(ranks, lists)
    assert (ranks.positives == 0).any()


@pytest.mark.parametrize("with_gallery", [False, True])
@pytest.mark.parametrize(
    ("classes", "noise", "way"),
    [
        (100, 1.0, "count_by_comparing"),
        (12, 0.5, "count_by_narrowing"),
        (12, 30.0, "count_by_merging"),
        (3, 0.5, "count_by_merging"),
    ],
)
def test_every_way_of_counting(engine, classes, noise, way, with_gallery, monkeypatch):
    """Few, more and many positives a query, on easy and hard embeddings, with duplicates."""
    from oodml.evaluation.ranks.engines import compiled_counting as fast_counting
    from oodml.evaluation.ranks.engines import kernels

    rows, labels = clustered(700, classes, 12, seed=classes, noise=noise)
    rows[::25] = rows[5]
    used = []
    counting = getattr(kernels, way)
    monkeypatch.setattr(kernels, way, lambda *given: used.append(1) or counting(*given))
    monkeypatch.setattr(fast_counting, "_SIDE", 150)
    asked, others = (rows[:300], labels[:300]), {}
    if with_gallery:
        # other ids say that an equal row is another image
        others = {"gallery_embeddings": rows, "gallery_labels": labels}
        others |= {
            "ids": [f"q{i}" for i in range(300)],
            "gallery_ids": [f"g{i}" for i in range(700)],
        }
    else:
        asked = (rows, labels)
    ranks = positive_ranks(*asked, **others)
    assert used or engine == "torch"
    unit = reference.unit(rows)
    table = unit[: len(asked[0])].astype(float) @ unit.T.astype(float)
    for query in range(len(table)):
        own = None if with_gallery else query
        items = [j for j in range(len(rows)) if j != own]
        items.sort(key=lambda j: -round(table[query, j] / 1e-12))
        hits = [place for place, j in enumerate(items, 1) if labels[j] == labels[query]]
        assert ranks.of(query).tolist() == hits


def test_large_gallery_of_its_own_and_distractors_only_classes():
    rows, labels = clustered(700, 9, 12, seed=15)
    gallery, gallery_labels = clustered(1500, 14, 12, seed=15)
    ranks = positive_ranks(
        rows, labels, gallery_embeddings=gallery, gallery_labels=gallery_labels, memory_mib=1
    )
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (rows, gallery)]
    table = unit[0].astype(float) @ unit[1].T.astype(float)
    for query in range(0, 700, 40):
        order = np.argsort(-table[query], kind="stable")
        hits = np.flatnonzero(gallery_labels[order] == labels[query]) + 1
        assert ranks.of(query).tolist() == hits.tolist()
