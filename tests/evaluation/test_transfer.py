"""The transfer share against a slow reference, and how often its interval covers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import ClassSums, transfer_share
from oodml.evaluation.uncertainty.class_sums import resampled_weights


def sums_of(means, counts):
    """Class sums of class means [seeds, C]."""
    names = tuple(f"c{i}" for i in range(len(counts)))
    return ClassSums(np.atleast_2d(means) * counts, np.asarray(counts, float), names)


@pytest.fixture
def three():
    """Method and ceiling of one training each and frozen, on uneven classes."""
    random = np.random.default_rng(0)
    counts = random.integers(3, 20, 12).astype(float)
    frozen = random.normal(0.5, 0.1, 12)
    room = random.normal(0.2, 0.05, 12)
    return [
        sums_of(values, counts)
        for values in (frozen + 0.6 * room + random.normal(0, 0.03, 12), frozen + room, frozen)
    ]


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_against_a_slow_reference(three, average):
    """Queries of drawn classes put together one by one, in plain Python."""
    found = transfer_share(*three, average=average, resamples=210, seed=4)

    def mean(one, drawn):
        if average == "macro":
            return math.fsum(one.sums[0, c] / one.counts[c] for c in drawn) / len(drawn)
        total = math.fsum(one.sums[0, c] for c in drawn)
        return total / math.fsum(one.counts[c] for c in drawn)

    def share(drawn):
        method, ceiling, frozen = (mean(one, drawn) for one in three)
        return (method - frozen) / (ceiling - frozen)

    assert found.share.value == pytest.approx(share(range(12)), rel=1e-12)
    weights = np.concatenate(list(resampled_weights(12, 210, np.random.default_rng(4))))
    drawn = [[c for c in range(12) for _ in range(int(row[c]))] for row in weights]
    shares = sorted(map(share, drawn))
    # the 6th and the 205th of 210: the first with 2.5 % and 97.5 % at or below
    assert (found.share.low, found.share.high) == pytest.approx((shares[5], shares[204]))
    rooms = sorted(mean(three[1], d) - mean(three[2], d) for d in drawn)
    assert (found.room.low, found.room.high) == pytest.approx((rooms[5], rooms[204]))
    assert found.gain.value == pytest.approx(mean(three[0], range(12)) - mean(three[2], range(12)))
    assert found.share.estimator == "percentile bootstrap over 12 classes, 210 resamples"
    assert found.decidable


def test_seeds_are_averaged_and_drawn(three):
    method, ceiling, frozen = three
    apart = np.array([-0.1, 0.0, 0.1])[:, None]
    noisy = sums_of(method.sums / method.counts + apart, method.counts)
    found = transfer_share(noisy, ceiling, frozen, resamples=1000)
    plain = transfer_share(method, ceiling, frozen, resamples=1000)
    assert found.share.value == pytest.approx(plain.share.value)
    assert found.share.half_width > 2 * plain.share.half_width
    assert "12 classes and 3 + 1 seeds (S - 1 drawn)" in found.share.estimator
    assert "seeds" not in found.room.estimator
    twice = sums_of(np.repeat(frozen.sums / frozen.counts, 2, axis=0), frozen.counts)
    assert transfer_share(method, ceiling, twice, resamples=1000) == plain


def test_whole_no_and_negative_share(three):
    _, ceiling, frozen = three
    whole = transfer_share(ceiling, ceiling, frozen, resamples=200).share
    assert (whole.value, whole.low, whole.high) == pytest.approx((1, 1, 1))
    none = transfer_share(frozen, ceiling, frozen, resamples=200).share
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 0))
    worse = sums_of(frozen.sums / frozen.counts - 0.1, frozen.counts)
    assert transfer_share(worse, ceiling, frozen, resamples=200).share.high < 0


def test_lower_is_better(three):
    turned = [ClassSums(-one.sums, one.counts, one.names) for one in three]
    found = transfer_share(*turned, higher_is_better=False, resamples=200)
    plain = transfer_share(*three, resamples=200)
    for part in ("share", "gain", "room"):
        one, other = getattr(found, part), getattr(plain, part)
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    assert found.room.value > 0


def test_without_room_nothing_is_decided(three):
    method, _, frozen = three
    same = transfer_share(method, frozen, frozen, resamples=200)
    assert not same.decidable
    assert math.isnan(same.share.value)
    assert math.isnan(same.share.low)
    random = np.random.default_rng(1)
    close = sums_of(frozen.sums / frozen.counts + random.normal(0, 0.05, 12), frozen.counts)
    found = transfer_share(method, close, frozen, resamples=200)
    assert found.room.low < 0 < found.room.high
    assert not found.decidable
    assert math.isnan(found.share.high)
    assert math.isfinite(found.share.value)
    below = sums_of(frozen.sums / frozen.counts - 0.1, frozen.counts)
    assert not transfer_share(method, below, frozen, resamples=200).decidable
    one = [sums_of([[value]], [5]) for value in (0.6, 0.7, 0.5)]
    assert not transfer_share(*one, resamples=200).decidable, "one class"


def test_a_decidable_share_is_bounded():
    """Draws without room, fewer than lie outside the interval, make no end infinite."""
    random = np.random.default_rng(2)
    counts, seen = np.ones(15), 0
    for seed in range(60):
        frozen = random.normal(size=15)
        room = random.normal(0.5, 0.9, 15)
        three = [sums_of(x, counts) for x in (frozen + 0.5 * room, frozen + room, frozen)]
        found = transfer_share(*three, resamples=500, seed=seed)
        if found.decidable:
            assert math.isfinite(found.share.low)
            assert math.isfinite(found.share.high)
            seen += 1
    assert 10 < seen < 60


def test_what_does_not_fit(three):
    with pytest.raises(DataError, match="same queries"):
        transfer_share(three[0], three[1], sums_of(np.ones(3), np.ones(3)))
    with pytest.raises(UsageError, match="resamples"):
        transfer_share(*three, resamples=10)


@pytest.mark.parametrize(("classes", "seeds"), [(20, 2), (50, 3)])
def test_the_interval_covers(classes, seeds):
    """Classes, trainings and both together vary; the true share is 0.6 of a room of 0.1."""
    random = np.random.default_rng(8)
    covered = decided = 0
    for seed in range(200):
        counts = random.integers(8, 25, classes).astype(float)
        base = random.normal(0.6, 0.15, classes)
        room = random.normal(0.10, 0.05, classes)
        gain = 0.6 * room + random.normal(0, 0.025, classes)

        def runs(values, base=base, counts=counts):
            trained = random.normal(0, 0.005, (seeds, 1)) + random.normal(0, 0.02, (seeds, classes))
            return sums_of(base + values + trained, counts)

        frozen = sums_of(base + random.normal(0, 0.02, classes), counts)
        one = transfer_share(runs(gain), runs(room), frozen, resamples=400, seed=seed)
        decided += one.decidable
        covered += one.decidable and one.share.low <= 0.6 <= one.share.high
    assert decided > 190
    assert 0.90 <= covered / decided <= 0.99
