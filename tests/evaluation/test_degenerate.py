"""Collapsed, huge, tiny, far and duplicate embeddings, against slow references in exact arithmetic.

Rows are handed to the references as fractions or, where roots are needed, as numbers of 50 digits.
"""

from __future__ import annotations

import warnings
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from oodml.core.errors import DataError, OodmlError, UsageError
from oodml.evaluation import (
    approximate_neighbours,
    episode_accuracy,
    evaluate,
    list_metrics,
    positive_ranks,
    verification,
)
from oodml.evaluation.search.neighbours import nearest_neighbours

RANDOM = np.random.default_rng(0)
LABELS = np.repeat(np.arange(6), 5)
BASE = RANDOM.normal(size=(6, 4))[LABELS] + RANDOM.normal(size=(30, 4))
INPUTS = {
    "ordinary": BASE,
    "huge": BASE * 1e160,
    "tiny": BASE * 1e-200,
    "smallest": BASE * 1e-305,
    "largest": BASE * 1e307,
    "of all lengths": BASE * 10.0 ** RANDOM.integers(-150, 150, (30, 1)),
    "far": BASE + 1e6,
    "very far": BASE + 1e11,
    "far with outliers": np.where(np.arange(30)[:, None] % 7 == 0, 0.0, BASE + 1e6),
    "points": BASE[LABELS * 5],
    "copies": np.repeat(BASE[::2], 2, axis=0),
    "with a zero": np.where(np.arange(30)[:, None] == 4, 0.0, BASE),
    "collapsed": np.tile(BASE[:1], (30, 1)),
    "zero": np.zeros((30, 4)),
}
FAR = ("far", "very far", "far with outliers")


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def similarities(rows, kind):
    """All similarities in exact arithmetic: cosines by 50 digits, else minus squared distances."""
    if kind == "cosine":
        with mpmath.workdps(50):
            given = [[mpmath.mpf(float(x)) for x in row] for row in rows]
            lengths = [mpmath.sqrt(mpmath.fsum(x * x for x in row)) or 1 for row in given]
            unit = [[x / n for x in row] for row, n in zip(given, lengths, strict=True)]
            return [[mpmath.fsum(x * y for x, y in zip(a, b)) for b in unit] for a in unit]  # noqa: B905
    given = [[Fraction(float(x)) for x in row] for row in rows]
    if kind == "dot":
        return [[sum(x * y for x, y in zip(a, b)) for b in given] for a in given]  # noqa: B905
    return [[-sum((x - y) ** 2 for x, y in zip(a, b)) for b in given] for a in given]  # noqa: B905


def ranks_of(table, labels):
    """Positive ranks; equal similarities (cosines: in 20 digits) stand in row order."""
    found = []
    for query, row in enumerate(table):
        row = [x if isinstance(x, Fraction) else mpmath.nint(x * 10**20) for x in row]
        others = [j for j in range(len(row)) if j != query]
        others.sort(key=lambda j: (-row[j], j))
        found += [place for place, j in enumerate(others, 1) if labels[j] == labels[query]]
    return found


@pytest.mark.parametrize("kind", ["cosine", "euclidean", "dot"])
@pytest.mark.parametrize("name", INPUTS)
def test_ranks(name, kind, engine):
    rows = INPUTS[name]
    if kind == "cosine" and name in ("far", "very far"):
        with pytest.raises(DataError, match=r"directions differ by .* subtract their mean first"):
            positive_ranks(rows, LABELS)
        return
    if kind == "dot" and name in FAR:
        pytest.skip("products of far vectors are products of their offset: float32 blurs the rest")
    if name == "of all lengths" and kind != "cosine":
        pytest.skip("rows shorter than float32's range of the longest are zero beside it")
    if name == "far with outliers" and kind == "cosine":
        pytest.skip("most directions are one")
    found = positive_ranks(rows, LABELS, similarity=kind)
    assert found.ranks.tolist() == ranks_of(similarities(rows, kind), LABELS)


@pytest.mark.parametrize("name", ["ordinary", "huge", "tiny", "far", "very far"])
def test_every_search_sees_the_same(name):
    rows, labels = INPUTS[name], LABELS
    expected = positive_ranks(BASE, labels, similarity="euclidean")
    near = nearest_neighbours(rows, [0, 7], 20, similarity="euclidean")
    assert np.array_equal(near, nearest_neighbours(BASE, [0, 7], 20, similarity="euclidean"))
    assert positive_ranks(rows, labels, similarity="euclidean").ranks.tolist() == (
        expected.ranks.tolist()
    )
    halves = {"gallery_embeddings": rows[15:], "gallery_labels": labels[15:] % 3}
    split = positive_ranks(rows[:15], labels[:15], similarity="euclidean", **halves)
    halves["gallery_embeddings"] = BASE[15:]
    assert (
        split.ranks.tolist()
        == positive_ranks(BASE[:15], labels[:15], similarity="euclidean", **halves).ranks.tolist()
    )
    lists = approximate_neighbours(rows, labels, 10, similarity="euclidean", index="Flat")
    assert np.array_equal(
        lists.neighbours[:2], nearest_neighbours(BASE, [0, 1], 10, similarity="euclidean")
    )


def reference(name, rows, labels):
    """A metric on embeddings by its definition, in numbers of 50 digits; None where it has none."""
    table = similarities(rows, "cosine")
    own = [table[i][i] for i in range(len(rows))]
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    gaps = {(i, j): own[i] + own[j] - 2 * table[i][j] for i, j in pairs}
    same = [pair for pair in pairs if labels[pair[0]] == labels[pair[1]]]
    if name == "alignment":
        return mpmath.fsum(gaps[pair] for pair in same) / len(same)
    if name == "uniformity":
        return mpmath.log(mpmath.fsum(mpmath.exp(-2 * gap) for gap in gaps.values()) / len(gaps))
    if name == "norm_mean":
        given = [[mpmath.mpf(float(x)) for x in row] for row in rows]
        return mpmath.fsum(mpmath.sqrt(mpmath.fsum(x * x for x in row)) for row in given) / len(
            rows
        )
    within = mpmath.fsum(1 - table[i][j] for i, j in same) / len(same)  # classes of one size
    if name == "intra_class_distance":
        return within
    with mpmath.workdps(50):
        unit = mpmath.matrix([[mpmath.mpf(float(x)) for x in row] for row in rows])
        for i in range(len(rows)):
            length = mpmath.norm(unit[i, :]) or 1
            unit[i, :] /= length
        means = [
            sum((unit[i, :] for i in np.flatnonzero(labels == c)), mpmath.zeros(1, 4))
            for c in range(6)
        ]
        means = [mean / (mpmath.norm(mean) or 1) for mean in means]
        far = [
            1 - mpmath.fsum(a[k] * b[k] for k in range(4))
            for i, a in enumerate(means)
            for b in means[:i]
        ]
        between = mpmath.fsum(far) / len(far)
    if name == "inter_class_distance":
        return between
    return within / between if between > 1e-30 else None


GEOMETRY = (
    "alignment", "uniformity", "norm_mean", "intra_class_distance", "inter_class_distance",
    "intra_inter_ratio",
)  # fmt: skip


@pytest.mark.parametrize("metric", GEOMETRY)
@pytest.mark.parametrize("name", [n for n in INPUTS if n not in FAR])
def test_geometry(name, metric):
    with mpmath.workdps(50):
        expected = reference(metric, INPUTS[name], LABELS)
    report = evaluate(INPUTS[name], LABELS, ["map", metric], keep_going=True)
    if expected is None or not np.isfinite(float(expected)):
        assert metric in report.failed
        return
    bound = 1e-6 if metric == "uniformity" else 1e-14
    value = float(expected)
    assert report.metrics[metric] == pytest.approx(value, rel=1e-6, abs=bound if value < 1e3 else 0)


@pytest.mark.parametrize("name", INPUTS)
def test_no_metric_gives_a_number_that_is_rounding(name):
    """Each metric on the embeddings is that of the ordinary ones, refused, or what one point has."""
    if name in FAR:
        return  # refused as a whole
    names = [one.replace("_at_k", "_at_2") for one in list_metrics()]
    report = evaluate(INPUTS[name], LABELS, names, train_classes=4, keep_going=True)
    assert set(report.metrics) | set(report.failed) == set(names)
    if name in ("huge", "tiny"):  # the same directions
        ordinary = evaluate(BASE, LABELS, names, train_classes=4).metrics
        different = {"norm_mean", "norm_variance"}
        for metric in set(names) - different:
            assert report.metrics[metric] == pytest.approx(ordinary[metric], rel=1e-9)
        assert "norm_variance" in report.failed
    if name == "collapsed":
        expected = {
            "alignment": 0, "uniformity": 0, "intra_class_distance": 0, "inter_class_distance": 0,
            "effective_rank": 1, "hubness_at_2": 0, "norm_variance": 0, "nmi": 0, "ami": 0,
            "nmi_sec": 0, "nmi_oodml": 0,
        }  # fmt: skip
        found = {metric: report.metrics[metric] for metric in expected}
        assert found == pytest.approx(expected, abs=1e-6)
        assert set(report.failed) == {"intra_inter_ratio", "spectral_decay_at_2"}
        assert "collapsed to a point" in report.failed["intra_inter_ratio"]
    if name == "points":
        assert report.metrics["intra_inter_ratio"] == 0
        assert report.metrics["nmi_sec"] == pytest.approx(1)


def test_float32_noise_around_a_point_has_no_ratio():
    point = np.ones((30, 4), np.float32) + 6e-8 * RANDOM.integers(-1, 2, (30, 4)).astype(np.float32)
    with pytest.raises(DataError, match="by no more than rounding"):
        evaluate(point, LABELS, ["intra_inter_ratio"])


def test_copies_share_their_places_among_neighbours():
    """Hubness of tied neighbours is its mean over their orders."""
    rows = np.repeat(np.eye(3), [4, 2, 3], axis=0)
    labels = np.repeat([0, 1, 2], [4, 2, 3])
    unit = rows
    expected = np.zeros(9)
    for query in range(9):
        order = [j for j in range(9) if j != query]
        for value in (1.0, 0.0):
            group = [j for j in order if unit[query] @ unit[j] == value]
            taken = sum(unit[query] @ unit[j] > value for j in order)
            expected[group] += max(0, min(2 - taken, len(group))) / max(1, len(group))
    centred = expected - expected.mean()
    skewness = (centred**3).mean() / (centred**2).mean() ** 1.5
    assert evaluate(rows, labels, ["map", "hubness_at_2"]).metrics["hubness_at_2"] == pytest.approx(
        skewness
    )
    shuffled = RANDOM.permutation(9)
    again = evaluate(rows[shuffled], labels[shuffled], ["hubness_at_2"]).metrics
    assert again["hubness_at_2"] == pytest.approx(skewness)


@pytest.mark.parametrize("factor", [1e160, 1e-200, 1.0])
def test_verification_and_few_shot_know_no_magnitude(factor):
    pairs = RANDOM.integers(0, 30, (2, 200))
    same = LABELS[pairs[0]] == LABELS[pairs[1]]
    assert verification(BASE * factor, *pairs, same) == verification(BASE, *pairs, same)
    support = [[0, 5, 10, 15, 20, 25]]
    for classifier in ("nearest", "unit-prototype", "linear"):
        found = episode_accuracy(BASE * factor, LABELS, support, classifier=classifier)
        assert found == episode_accuracy(BASE, LABELS, support, classifier=classifier)
    if factor != 1.0:
        with pytest.raises(DataError, match="prototype: vectors: values as"):
            episode_accuracy(BASE * factor, LABELS, support, classifier="prototype")


def test_prototypes_know_no_origin():
    support = [[0, 1, 5, 6, 10, 11, 15, 20, 25]]
    expected = episode_accuracy(BASE, LABELS, support, classifier="prototype")
    for offset in (1e6, 1e9):
        assert episode_accuracy(BASE + offset, LABELS, support, classifier="prototype") == expected


def test_empty_input_says_so():
    for rows, labels, text in (
        (BASE[:0], [], "there are no rows"),
        (BASE, [None] * 30, "none of 30 rows has a label"),
        (BASE, np.arange(30), "none of the 30 queries has another image of its class"),
    ):
        with pytest.raises(DataError, match=text):
            evaluate(rows, labels)
    with pytest.raises(DataError, match="gallery is empty"):
        evaluate(BASE, LABELS, gallery_embeddings=BASE[:0], gallery_labels=[])


GALLERIES = {
    "the same array": lambda: BASE,
    "a copy in float32": lambda: BASE.astype(np.float32).astype(np.float64),
    "a copy, shuffled": lambda: BASE[::-1].copy(),
    "with distractors": lambda: np.concatenate([BASE, BASE + 1]),
}


@pytest.mark.parametrize("kind", GALLERIES)
def test_a_gallery_of_the_queries_without_ids_is_refused(kind):
    gallery = GALLERIES[kind]()
    queries = gallery[:30] if "float32" in kind else BASE
    labels = np.resize(LABELS, len(gallery))
    given = {"gallery_embeddings": gallery, "gallery_labels": labels}
    for search in (positive_ranks, evaluate, approximate_neighbours):
        with pytest.raises(UsageError, match="leave the gallery out"):
            search(queries, LABELS, **given)
        with pytest.raises(UsageError, match="leave the gallery out"):
            search(queries, LABELS, ids=[f"q{i}" for i in range(30)], **given)
    ids = [f"g{i}" for i in range(len(gallery))]
    assert positive_ranks(queries, LABELS, ids=ids[:30], gallery_ids=ids, **given).ranks.size


@pytest.mark.parametrize("gallery", [BASE + 1, np.concatenate([BASE[:9], BASE[9:] + 1])])
def test_some_copies_in_the_gallery_are_not_refused(gallery):
    evaluate(BASE, LABELS, gallery_embeddings=gallery, gallery_labels=LABELS)


def test_a_collapsed_gallery_is_not_refused():
    rows = INPUTS["collapsed"]
    report = evaluate(rows, LABELS, ["map"], gallery_embeddings=rows, gallery_labels=LABELS)
    assert report.counts["tied_positives"] == 150


def test_lengths_that_overflow_are_refused():
    with pytest.raises(OodmlError, match="overflows; rescale"):
        evaluate(1.7e308 * np.sign(BASE), LABELS, similarity="euclidean")
