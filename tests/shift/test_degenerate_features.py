"""Shift of collapsed, huge, tiny, far and duplicate features; measures and generators of others."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest

from oodml import frechet_distance, generate_ladder
from oodml.core.errors import DataError, OodmlError
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.generators import GENERATORS, Generator, Partition, register_generator
from oodml.shift.measures import MEASURES, checked_values, register_measure, sides_of
from oodml.shift.measures.pairwise import squared_distances
from oodml.shift.measuring import measure_ladder

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([f"c{i:02d}" for i in range(12)], 6)
LABELS[-2:] = "c00"  # classes of different size: their means round differently
BASE = np.repeat(RANDOM.normal(size=(12, 3)), 6, axis=0) + RANDOM.normal(size=(72, 3))
TRAIN, TEST = sorted(set(LABELS))[:6], sorted(set(LABELS))[6:]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def measured(features):
    data = LabelledFeatures.of(features, LABELS)
    sides = sides_of(data, data.means(), TRAIN, TEST)
    return {
        key: value
        for name in ALL
        for key, value in checked_values(name, MEASURES.get(name), sides, "here").items()
    }


ALL = [name for name in MEASURES.names() if not name.startswith("test-")]
POWERS = {"frechet_class_means": 2, "frechet_samples": 2, "kernel_mmd": None, "kernel_mmd_rbf": 0}


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_no_measure_knows_the_origin(offset):
    expected = measured(BASE)
    assert measured(BASE + offset) == pytest.approx(expected, rel=1e-15 * offset * 100)


@pytest.mark.parametrize("factor", [2.0**100, 2.0**-100])
def test_measures_scale_as_they_say(factor):
    expected, found = measured(BASE), measured(BASE * factor)
    for name, value in expected.items():
        power = POWERS.get(name, 1)
        if power is not None:
            assert found[name] == pytest.approx(value * factor**power, rel=1e-9), name


@pytest.mark.parametrize("point", [[0.1, 0.7, -0.3], [0.0, 0.0, 0.0], [1e6, 0.1, 3.3]])
def test_collapsed_features_have_no_shift(point):
    features = np.tile(point, (72, 1))
    assert set(measured(features).values()) == {0.0}
    assert frechet_distance(features[:30], features[30:]) == 0.0
    with pytest.raises(DataError, match="the classes do not differ"):
        generate_ladder(features, LABELS, levels=2)


@pytest.mark.parametrize("value", [1e160, 1e-200])
def test_magnitudes_whose_squares_are_no_floats_are_refused(value):
    with pytest.raises(DataError, match="squares float64 cannot hold"):
        generate_ladder(BASE * value, LABELS, levels=2)
    with pytest.raises(DataError, match="is no float64; divide a and b"):
        frechet_distance(BASE[:30] * value, BASE[30:] * value)


@pytest.mark.parametrize("factor", [1e150, 1e-150, 1e-130, 1.0])
def test_frechet_against_many_digits(factor):
    a, b = BASE[:30] * factor, BASE[30:] * factor + 0.5 * factor
    with mpmath.workdps(60):
        one, other = (
            mpmath.matrix([[mpmath.mpf(float(x)) for x in r] for r in rows]) for rows in (a, b)
        )
        means, covariances = [], []
        for rows in (one, other):
            mean = mpmath.matrix([[mpmath.fsum(rows[:, k]) / rows.rows for k in range(3)]])
            centred = rows - mpmath.matrix([list(mean)] * rows.rows)
            means.append(mean)
            covariances.append(centred.T * centred / (rows.rows - 1))
        scale = mpmath.mpf(factor) ** 2
        product = covariances[0] * covariances[1] / scale**2
        roots = mpmath.fsum(mpmath.sqrt(mpmath.re(e)) for e in mpmath.eig(product)[0]) * scale
        trace = mpmath.fsum(c[k, k] for c in covariances for k in range(3))
        gap = means[0] - means[1]
        expected = float(mpmath.fsum(x * x for x in gap) + trace - 2 * roots)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_copies_have_distance_zero():
    rows = RANDOM.normal(size=(40, 5)) * 1e3
    moved = rows + 1e-6
    found = squared_distances(rows, moved)
    exact = ((rows[:, None] - moved[None]) ** 2).sum(axis=-1)
    assert found == pytest.approx(exact, rel=1e-9)
    assert not squared_distances(rows, rows).diagonal().any()
    assert not squared_distances(np.tile(rows[:1], (30, 1)), rows[:1]).any()


WRONG = {
    "nan": (lambda sides: {"test-wrong": float("nan")}, "gave test-wrong = nan"),
    "infinite": (lambda sides: {"test-wrong": np.inf}, "gave test-wrong = inf"),
    "text": (lambda sides: {"test-wrong": "large"}, "gave test-wrong = 'large'"),
    "list": (lambda sides: {"test-wrong": [1.0]}, r"gave test-wrong = \[1.0\]"),
    "number": (lambda sides: 3.0, "gave float .* expected named numbers"),
    "nothing": (lambda sides: None, "gave NoneType"),
    "other name": (lambda sides: {"mine": 1.0}, "gave dict"),
    "raises": (lambda sides: 1 / 0, "measure 'test-wrong' failed with ZeroDivisionError"),
    "changes": (
        lambda sides: {"test-wrong": 1.0, f"v{sides.right.sum()}": 1.0},
        "must give the same values at every level",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_measure_of_others_is_named(case, monkeypatch):
    function, text = WRONG[case]
    monkeypatch.setattr(MEASURES, "_entries", dict(MEASURES._entries))
    register_measure("test-wrong")(function)
    ladder = generate_ladder(BASE, LABELS, levels=2)
    with pytest.raises(OodmlError, match=text) as caught:
        measure_ladder(ladder, LabelledFeatures.of(BASE, LABELS), ["energy", "test-wrong"])
    assert "test-wrong" in str(caught.value)
    assert "level " in str(caught.value)


def partition(problem, **changes):
    whole = problem.partition(problem.left, problem.right, "start", 0)
    return Partition(**{**vars(whole), **changes})


SEARCHES = {
    "none": (lambda p: None, "gave no partition"),
    "empty": (lambda p: [], "gave no partition"),
    "number": (lambda p: 3, "failed with TypeError"),
    "garbage": (lambda p: [1, 2], "partition 0: int, expected a Partition"),
    "names": (lambda p: [partition(p, left=np.array(["a", "b"]))], "rows of at least two classes"),
    "one class": (lambda p: [partition(p, left=p.left[:1])], "rows of at least two classes"),
    "no such class": (lambda p: [partition(p, left=np.array([0, 99]))], "row 99; there are 12"),
    "twice": (lambda p: [partition(p, right=p.left)], "stands twice"),
    "no shift": (lambda p: [partition(p, shift=float("nan"))], "shift nan"),
    "pinned": (lambda p: [partition(p, left=p.right, right=p.left)], "'c03' is pinned"),
    "raises": (lambda p: p.nothing, "generator 'test-wrong' failed with AttributeError"),
}


@pytest.mark.parametrize("case", SEARCHES)
def test_a_generator_of_others_is_named(case, monkeypatch):
    search, text = SEARCHES[case]
    monkeypatch.setattr(GENERATORS, "_entries", dict(GENERATORS._entries))
    methods = {"search": lambda self, problem: search(problem)}
    register_generator("test-wrong")(type("Wrong", (Generator,), methods))
    with pytest.raises(OodmlError, match=text) as caught:
        generate_ladder(BASE, LABELS, generator="test-wrong", levels=2, pinned_test=["c03"])
    assert "test-wrong" in str(caught.value)
