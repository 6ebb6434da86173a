"""Every retrieval metric against the loop over sorted lists."""

from __future__ import annotations

import numpy as np
import pytest
import retrieval_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml.core.errors import UsageError
from oodml.evaluation import evaluate, get_metric, list_metrics, positive_ranks, report_from_ranks
from oodml.evaluation.metrics import describe_metrics, register_metric
from oodml.evaluation.metrics.examples import example_ranks

NAMES = [
    "recall_at_1", "recall_at_3", "recall_at_1000", "precision_at_1", "precision_at_5",
    "map_at_r", "r_precision", "map", "map_at_4", "map_at_1000_oodml", "map_c_oodml", "mrr",
]  # fmt: skip


def cases():
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 70)
    rows = random.normal(size=(7, 6))[labels] + random.normal(size=(70, 6))
    yield "random", rows.astype(np.float32), labels
    yield "tied", random.integers(-1, 2, (70, 3)).astype(np.float32), labels
    yield "duplicates", np.repeat(random.normal(size=(14, 5)), 5, axis=0).astype(np.float32), labels
    yield (
        "singletons",
        random.normal(size=(12, 4)).astype(np.float32),
        np.array([0] * 3 + [1] * 2 + list(range(2, 9))),
    )
    yield "one class", random.normal(size=(9, 4)).astype(np.float32), np.zeros(9, int)


@pytest.mark.parametrize(("rows", "labels"), [c[1:] for c in cases()], ids=[c[0] for c in cases()])
@pytest.mark.parametrize("kind", ["cosine", "euclidean"])
def test_against_sorted_lists(rows, labels, kind):
    report = evaluate(rows, labels, NAMES, similarity=kind)
    lists = reference.ranked_lists(rows, labels, kind=kind)
    for name in NAMES:
        expected = [reference.metric(name, one) if any(one) else np.nan for one in lists]
        np.testing.assert_allclose(report.per_query(name), expected, atol=1e-12)
        scored = [value for value in expected if value == value]
        assert report.metrics[name] == pytest.approx(np.mean(scored), abs=1e-12)
        by_class = {}
        for value, label in zip(expected, labels, strict=True):
            if value == value:
                by_class.setdefault(str(label), []).append(value)
        means = {label: np.mean(values) for label, values in by_class.items()}
        assert report.per_class(name) == pytest.approx(means)
        assert report.macro[name] == pytest.approx(np.mean(list(means.values())))


def test_every_registered_metric_has_a_formula_a_source_and_a_reference():
    described = list(describe_metrics())
    assert [one.name for one in described] == list_metrics()
    for one in described:
        if one.takes != "ranks":
            continue
        name = one.name.replace("_at_k", "_at_1")
        assert np.isfinite(reference.metric(name, [0, 1, 1, 0]))
        assert np.isfinite(get_metric(name)(example_ranks([[2, 3]]))).all()
    assert all(one.formula and one.source for one in described)


def test_directions_and_units():
    ranks = [one for one in describe_metrics() if one.takes == "ranks"]
    assert all(one.higher_is_better and one.unit == "share" for one in ranks)
    vectors = {one.name: one for one in describe_metrics() if one.takes == "embeddings"}
    better = {name for name, one in vectors.items() if one.higher_is_better}
    shares = {name for name in vectors if name.startswith(("nmi", "ami", "f1"))}
    assert {name for name, one in vectors.items() if one.unit == "share"} == shares
    assert better == shares | {"inter_class_distance", "effective_rank"}
    assert [name for name, one in vectors.items() if one.higher_is_better is None] == ["norm_mean"]
    assert get_metric("spectral_decay_at_2").higher_is_better is False
    assert get_metric("norm_variance").unit == "length"


@pytest.mark.parametrize("name", ["recall_at_3", "precision_at_3", "map_at_3", "cmc_at_3"])
def test_depth_of_families(name):
    assert get_metric(name).depth(positives=9, gallery=50) == 3


def test_depth_is_as_far_as_a_metric_looks():
    random = np.random.default_rng(4)
    for one in describe_metrics():
        if one.depth is None:
            continue
        metric = get_metric(one.name.replace("_at_k", "_at_5"))
        ranks = sorted(random.choice(2000, 12, replace=False) + 1)
        depth = int(metric.depth(positives=12, gallery=2000))
        moved = [rank if rank <= depth else 2000 + place for place, rank in enumerate(ranks)]
        assert metric(example_ranks([ranks])) == metric(example_ranks([moved]))
    assert get_metric("mrr").depth(positives=12, gallery=50) == float("inf")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=6))
def test_any_ranks(sets):
    ranks = example_ranks([sorted(one) for one in sets], gallery_size=40)
    lists = [[int(place in one) for place in range(1, 41)] for one in sets]
    values = {name: get_metric(name)(ranks) for name in NAMES}
    for name in NAMES:
        np.testing.assert_allclose(
            values[name], [reference.metric(name, one) for one in lists], atol=1e-12
        )
        assert ((values[name] >= 0) & (values[name] <= 1)).all()
    assert (values["map_at_r"] <= values["r_precision"] + 1e-12).all()
    assert (values["recall_at_1"] == values["precision_at_1"]).all()
    assert (values["map_at_r"] <= values["map"] + 1e-12).all()


def test_perfect_ranking_and_the_ceiling_of_the_oodml_definition():
    ranks = example_ranks([[1, 2, 3], [1]], classes=["a", "b"])
    report = report_from_ranks(ranks, ["map_at_r", "map_at_1000_oodml", "map_c_oodml"])
    assert report.metrics["map_at_r"] == 1.0
    assert report.per_query("map_at_1000_oodml").tolist() == [0.75, 0.5]
    assert report.per_query("map_c_oodml").tolist() == [0.75, 0.5]


def test_names():
    assert get_metric("recall_at_17").k == 17
    for wrong, message in [
        ("recal_at_1", "did you mean"),
        ("recall_at_0", "at least 1"),
        ("recall_at_k", "put a number for k"),
        ("mapp", "did you mean"),
    ]:
        with pytest.raises(UsageError, match=message):
            get_metric(wrong)
    with pytest.raises(UsageError, match="stands twice"):
        evaluate(np.eye(2), [0, 0], ["mrr", "mrr"])
    with pytest.raises(UsageError, match="registered already"):
        register_metric("mrr", formula="", source="")(lambda ranks: ranks)


def test_report_counts_and_errors():
    rows = np.random.default_rng(1).normal(size=(6, 3))
    report = evaluate(rows, ["a", "a", "b", None, "b", "c"])
    assert report.counts == {
        "queries": 4, "queries_without_positives": 1, "unlabelled_queries": 1, "classes": 2,
        "gallery": 5, "positive_pairs": 4, "tied_positives": 0,
    }  # fmt: skip
    assert np.isnan(report.per_query("recall_at_1")).tolist() == [False] * 4 + [True]
    assert set(report.per_class("map_at_r")) == {"a", "b"}
    with pytest.raises(UsageError, match="no values by query"):
        report.per_query("mrr")
    from oodml.core.errors import DataError

    with pytest.raises(DataError, match="no query has a positive"):
        evaluate(rows, list("abcdef"))
    assert report_from_ranks(positive_ranks(rows, list("aabbcc"))).counts["classes"] == 3
