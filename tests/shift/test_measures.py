"""Each measure against a loop written from its formula, and its invariances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shift_reference import clustered, frechet_sqrtm, frechet_svd

from oodml import generate_ladder
from oodml.core.errors import DataError, UsageError
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.measures import MEASURES, sides_of
from oodml.shift.measures.sliced_wasserstein import sliced_distance
from oodml.shift.measuring import measure_ladder


def split(seed=0, classes=10, dims=5, images=4, transform=lambda x: x, order=None):
    features, names, ids = clustered(classes, dims, images, seed)
    features = transform(features.astype(np.float64))
    if order is not None:
        features, names, ids = features[order], names[order], [ids[i] for i in order]
    data = LabelledFeatures.of(features, names, ids)
    means = data.means()
    half = classes // 2
    return sides_of(data, means, means.names[:half], means.names[half:], seed=3)


def value(name, sides):
    values = MEASURES.get(name)(sides)
    assert next(iter(values)) == name
    return values


def images(sides):
    return sides.left_images, sides.right_images


def test_all_measures_are_registered():
    assert MEASURES.names() == [
        "energy", "frechet_class_means", "frechet_samples", "kernel_mmd", "nearest_class",
        "sliced_wasserstein",
    ]  # fmt: skip


def test_frechet_measures():
    sides = split()
    expected = frechet_svd(sides.left_means, sides.right_means)
    assert value("frechet_class_means", sides)["frechet_class_means"] == pytest.approx(expected)
    expected = frechet_sqrtm(*images(sides))
    assert value("frechet_samples", sides)["frechet_samples"] == pytest.approx(expected)


def reference_mmd(x, y, kernel):
    xx = [kernel(a, b) for (i, a), (j, b) in itertools.product(enumerate(x), repeat=2) if i != j]
    yy = [kernel(a, b) for (i, a), (j, b) in itertools.product(enumerate(y), repeat=2) if i != j]
    xy = [kernel(a, b) for a in x for b in y]
    return np.mean(xx) + np.mean(yy) - 2 * np.mean(xy)


def test_kernel_mmd():
    sides = split()
    x, y = images(sides)
    centre = (x.mean(0) + y.mean(0)) / 2
    x, y = x - centre, y - centre
    both = np.concatenate([x, y])
    squared = [((a - b) ** 2).sum() for a, b in itertools.combinations(both, 2)]
    width = np.median(squared)
    values = value("kernel_mmd", sides)
    polynomial = reference_mmd(x, y, lambda a, b: (a @ b / len(a) + 1) ** 3)
    assert values["kernel_mmd"] == pytest.approx(polynomial)
    rbf = reference_mmd(x, y, lambda a, b: np.exp(-((a - b) ** 2).sum() / width))
    assert values["kernel_mmd_rbf"] == pytest.approx(rbf)


def test_energy():
    sides = split()
    x, y = images(sides)

    def mean(a, b):
        return np.mean([np.linalg.norm(p - q) for p in a for q in b])

    expected = 2 * mean(x, y) - mean(x, x) - mean(y, y)
    assert value("energy", sides)["energy"] == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_one_dimensional_w2_of_sides_of_any_size(n1, n2, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n1), rng.normal(size=n2) + 1
    # Repeating every value makes the sides equally long without changing their distributions.
    squared = np.mean((np.sort(np.repeat(x, n2)) - np.sort(np.repeat(y, n1))) ** 2)
    assert sliced_distance(x[:, None], y[:, None]) == pytest.approx(np.sqrt(squared))


def test_sliced_wasserstein_of_a_translation():
    """Moving by v: the mean over directions of (θ·v)² is |v|² / D."""
    sides = split(dims=6)
    x, _ = images(sides)
    moved = np.array([3.0, 0, 0, 0, 0, 0])
    data = LabelledFeatures.of(
        np.concatenate([x, x + moved]), ["a", "b"] * (len(x) // 2) + ["c", "d"] * (len(x) // 2)
    )
    both = sides_of(data, data.means(), ["a", "b"], ["c", "d"])
    found = value("sliced_wasserstein", both)["sliced_wasserstein"]
    assert found == pytest.approx(np.sqrt(9 / 6), rel=0.1)


def test_nearest_class():
    sides = split()
    nearest = [min(np.linalg.norm(b - a) for a in sides.left_means) for b in sides.right_means]
    values = value("nearest_class", sides)
    assert values["nearest_class"] == pytest.approx(np.mean(nearest))
    assert values["nearest_class_q50"] == pytest.approx(np.median(nearest))
    assert values["nearest_class_q90"] == pytest.approx(np.percentile(nearest, 90))


POWER = {
    "frechet_class_means": 2, "frechet_samples": 2, "energy": 1, "sliced_wasserstein": 1,
    "nearest_class": 1, "kernel_mmd_rbf": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURES.names())
def test_invariances(name):
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    plain = value(name, split())
    order = value(name, split(order=rng.permutation(40)))
    moved = value(name, split(transform=lambda x: x + 100.0))
    turned = value(name, split(transform=lambda x: x @ turn))
    scaled = value(name, split(transform=lambda x: 3.0 * x))
    for key, expected in plain.items():
        assert order[key] == pytest.approx(expected, rel=1e-9)
        assert moved[key] == pytest.approx(expected, rel=1e-6)
        tolerance = 0.15 if name == "sliced_wasserstein" else 1e-6
        assert turned[key] == pytest.approx(expected, rel=tolerance)
        power = POWER.get(key, POWER.get(name))
        if power is not None:
            assert scaled[key] == pytest.approx(3.0**power * expected, rel=1e-6)


@pytest.mark.parametrize("name", MEASURES.names())
def test_grows_when_the_sides_move_apart(name):
    def apart(distance):
        def transform(x):
            x = x.copy()
            x[20:, 0] += distance
            return x

        return value(name, split(transform=transform))[name]

    assert apart(0.0) < apart(5.0) < apart(10.0)


def test_subsample_is_seeded():
    features, names, ids = clustered(10, 5, 8)
    data = LabelledFeatures.of(features, names, ids)
    means = data.means()
    few = [
        sides_of(data, means, means.names[:5], means.names[5:], seed=seed, max_images=20)
        for seed in (1, 1, 2)
    ]
    values = [value("energy", sides)["energy"] for sides in few]
    assert values[0] == values[1] != values[2]
    assert few[0].left_images.shape == (20, 5)


def test_a_ladder_through_its_own_and_other_measures():
    features, names, ids = clustered(40, 24, 8)
    ladder = generate_ladder(features, names, "target", 4, image_ids=ids)
    data = LabelledFeatures.of(features, names, ids)
    found = measure_ladder(ladder, data)
    own = found.names.index("frechet_class_means")
    assert found.values[:, own] == pytest.approx([level.shift for level in ladder.levels])
    assert found.tau[own] == 1.0
    assert found.values.shape == (4, len(found.names))
    with pytest.raises(UsageError, match="did you mean energy"):
        measure_ladder(ladder, data, ["energi"])
    few = LabelledFeatures.of(features[8:], names[8:], ids[8:])
    with pytest.raises(DataError, match="class000"):
        measure_ladder(ladder, few)


def test_sides_that_make_no_sense():
    features, names, _ = clustered(6, 3, 3)
    data = LabelledFeatures.of(features, names)
    means = data.means()
    with pytest.raises(DataError, match="both sides"):
        sides_of(data, means, means.names[:3], means.names[2:])
    with pytest.raises(DataError, match="at least 2"):
        sides_of(data, means, means.names[:1], means.names[2:])
