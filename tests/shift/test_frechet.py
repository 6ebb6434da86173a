from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shift_reference import frechet_sqrtm, frechet_svd

from oodml import frechet_distance
from oodml.core.errors import DataError
from oodml.shift import class_means
from oodml.shift.distance.means import ClassMeans


def gaussians(seed, n1, n2, dims, offset=0.5):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(dims, dims)) / np.sqrt(dims)
    return rng.normal(size=(n1, dims)), rng.normal(size=(n2, dims)) @ mix + offset


@pytest.mark.parametrize(("n1", "n2", "dims"), [(60, 50, 8), (200, 150, 40), (30, 400, 12)])
def test_agrees_with_sqrtm_where_rows_outnumber_dimensions(n1, n2, dims):
    a, b = gaussians(1, n1, n2, dims)
    assert frechet_distance(a, b) == pytest.approx(frechet_sqrtm(a, b), rel=1e-9)


@pytest.mark.parametrize(("n1", "n2", "dims"), [(10, 8, 30), (2, 2, 5), (2, 30, 64), (20, 20, 20)])
def test_agrees_with_direct_svd_where_dimensions_outnumber_rows(n1, n2, dims):
    a, b = gaussians(2, n1, n2, dims)
    assert frechet_distance(a, b) == pytest.approx(frechet_svd(a, b), rel=1e-9)


def test_reproduces_the_papers_value_with_their_eps():
    a, b = gaussians(3, 20, 18, 64)
    papers = frechet_sqrtm(a, b, eps=1e-8)
    assert frechet_distance(a, b, eps=1e-8) == pytest.approx(papers, rel=1e-6)
    assert abs(frechet_distance(a, b) - papers) > 1e-4 * papers / 100


def test_one_dimension_by_hand():
    # N(1, 2) against N(6, 8): 25 + 2 + 8 - 2 sqrt(16)
    assert frechet_distance([[0.0], [2.0]], [[4.0], [8.0]]) == pytest.approx(25 + 2 + 8 - 8)


def test_dead_and_collinear_dimensions():
    a, b = gaussians(4, 90, 80, 10)
    a = np.hstack([a, np.zeros((90, 3)), a[:, :2]])
    b = np.hstack([b, np.ones((80, 3)), b[:, :2]])
    assert frechet_distance(a, b) == pytest.approx(frechet_svd(a, b), rel=1e-9)


def test_large_offset_costs_no_digits():
    a, b = gaussians(5, 40, 40, 100)
    moved = frechet_distance(a + 1e6, b + 1e6)
    assert moved == pytest.approx(frechet_distance(a, b), rel=1e-7)


def test_float32_input_is_accumulated_in_float64():
    a, b = (x.astype(np.float32) for x in gaussians(6, 40, 40, 100))
    exact = frechet_svd(a.astype(np.float64), b.astype(np.float64))
    assert frechet_distance(a, b) == pytest.approx(exact, rel=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 10), st.integers(0, 10**6))
def test_invariances(n1, n2, dims, seed):
    a, b = gaussians(seed, n1, n2, dims)
    value = frechet_distance(a, b)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(dims, dims)))
    close = pytest.approx(value, rel=1e-6, abs=1e-6)
    assert frechet_distance(b, a) == close
    assert frechet_distance(rng.permutation(a), rng.permutation(b)) == close
    assert frechet_distance(a + 3.0, b + 3.0) == close
    assert frechet_distance(a @ turn, b @ turn) == close
    assert frechet_distance(2.0 * a, 2.0 * b) == pytest.approx(4.0 * value, rel=1e-6, abs=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        (np.zeros((1, 3)), np.zeros((4, 3)), "a has 1 row"),
        (np.zeros((4, 3)), np.zeros((4, 2)), "3 columns, b has 2"),
        (np.zeros(4), np.zeros((4, 2)), "expected an array \\[N, D\\]"),
        (np.array([[0.0], [np.nan]]), np.zeros((4, 1)), "a: row 1 has"),
        (np.zeros((4, 1)), np.array([[np.inf], [0.0]]), "b: row 0 has"),
        (np.array([["x"], ["y"]]), np.zeros((4, 1)), "real numbers"),
    ],
)
def test_bad_input_is_named(a, b, text):
    with pytest.raises(DataError, match=text):
        frechet_distance(a, b)


def means_of(classes, dims, seed=0):
    rows = np.random.default_rng(seed).normal(size=(classes, dims)) + 2.0
    names = tuple(f"c{i:04d}" for i in range(classes))
    return ClassMeans(names, rows - rows.mean(0), np.ones(classes, np.int64)), rows


@pytest.mark.parametrize("dims", [4, 25, 60])
def test_class_means_price_any_two_sets_like_the_arrays(dims):
    means, rows = means_of(40, dims)
    for left, right in [(range(20), range(20, 40)), (range(5), range(30, 39)), ([3, 1], [9, 8, 7])]:
        left, right = list(left), list(right)
        expected = frechet_svd(rows[left], rows[right])
        assert means.frechet(left, right) == pytest.approx(expected, rel=1e-9)
        with_eps = frechet_distance(rows[left], rows[right], eps=1e-8)
        assert means.frechet(left, right, eps=1e-8) == pytest.approx(with_eps, rel=1e-9)


def test_more_classes_than_dimensions_go_without_a_gram_matrix():
    means, rows = means_of(200, 10)
    left, right = np.arange(90), np.arange(90, 200)
    assert not means.has_gram
    assert means.frechet(left, right) == pytest.approx(
        frechet_sqrtm(rows[left], rows[right]), rel=1e-9
    )


def test_class_means_do_not_depend_on_row_order():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5)).astype(np.float32)
    labels = np.array([f"k{i % 7}" for i in range(60)])
    ids = [f"i{n}" for n in range(60)]
    one = class_means(features, labels, image_ids=ids)
    order = rng.permutation(60)
    other = class_means(features[order], labels[order], image_ids=[ids[i] for i in order])
    assert one.names == other.names == tuple(sorted(set(labels)))
    assert np.array_equal(one.means, other.means)
    assert np.array_equal(one.images, other.images)
    expected = np.stack([features[labels == n].astype(np.float64).mean(0) for n in one.names])
    assert np.allclose(one.means, expected - expected.mean(0), atol=1e-12)


def test_class_means_over_block_borders(monkeypatch):
    monkeypatch.setattr("oodml.shift.distance.means._BLOCK", 7)
    rng = np.random.default_rng(1)
    features = rng.normal(size=(50, 3))
    labels = np.array(["a"] * 20 + ["b"] * 1 + ["c"] * 7 + ["d"] * 22)
    means = class_means(features, labels)
    expected = np.stack([features[labels == n].mean(0) for n in "abcd"])
    assert np.allclose(means.means, expected - expected.mean(0))


def test_nan_features_name_the_image():
    features = np.zeros((4, 2))
    features[2, 1] = np.nan
    with pytest.raises(DataError, match="row 2 \\(image 'x2'\\)"):
        class_means(features, ["a", "a", "b", "b"], image_ids=["x0", "x1", "x2", "x3"])
