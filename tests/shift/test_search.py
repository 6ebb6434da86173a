"""steepest, target, removal: against brute force and within their limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shift_reference import clustered, frechet_svd

from oodml import generate_ladder
from oodml.core.errors import UsageError
from oodml.shift import class_means
from oodml.shift.distance.gram import frechet_from_gram
from oodml.shift.distance.swap_values import FINE, swap_distances, swap_moments
from oodml.shift.generators import Problem
from oodml.shift.generators.large import Moments, large_start, moved
from oodml.shift.generators.mass_swap import exchange
from oodml.shift.generators.oodml import SwapHeuristic
from oodml.shift.generators.removal import removal_stage
from oodml.shift.generators.steepest import Steepest
from oodml.shift.start import class_units, starting_sides


def gram_of(rows):
    centred = rows - rows.mean(axis=0)
    return centred @ centred.T


def problem_of(classes=24, dims=30, seed=0, images=3, **changes):
    features, names, ids = clustered(classes, dims, images, seed)
    means = class_means(features, names, image_ids=ids)
    units = class_units(means, None, False)
    left, right = starting_sides(means, units, None, (), (), seed)
    fields = {
        "means": means, "left": left, "right": right, "units": units,
        "fixed": np.zeros(classes, bool), "levels": 4, "targets": None, "image_tolerance": None,
        "seed": seed,
    }  # fmt: skip
    return Problem(**(fields | changes))


def all_swaps(means, left, right):
    """Every swap's distance by brute force: {(a, b): distance}."""
    values = {}
    for a, b in itertools.product(left.tolist(), right.tolist()):
        one = [c for c in left.tolist() if c != a] + [b]
        other = [c for c in right.tolist() if c != b] + [a]
        values[a, b] = frechet_svd(means.means[one], means.means[other])
    return values


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 14), st.integers(4, 14), st.integers(2, 40), st.integers(0, 10**6))
def test_all_swaps_at_once_price_like_brute_force(n1, n2, dims, seed):
    rows = np.random.default_rng(seed).normal(size=(n1 + n2, dims)) * np.logspace(0, -1, dims)
    gram = gram_of(rows)
    left, right = np.arange(n1), np.arange(n1, n1 + n2)
    values = swap_distances(gram, left, right, FINE)
    total = np.trace(gram) / len(gram)
    for i, j in itertools.product(range(n1), range(n2)):
        one, other = left.copy(), right.copy()
        one[i], other[j] = right[j], left[i]
        expected = frechet_from_gram(gram, one, other)
        assert values[i, j] == pytest.approx(expected, rel=1e-3, abs=2e-3 * total)


def test_mean_and_trace_terms_are_exact():
    rows = np.random.default_rng(0).normal(size=(20, 6))
    gram = gram_of(rows)
    left, right = np.arange(12), np.arange(12, 20)
    moments = swap_moments(gram, left, right)
    for i, j in itertools.product(range(12), range(8)):
        one, other = left.copy(), right.copy()
        one[i], other[j] = right[j], left[i]
        a, b = rows[one], rows[other]
        gap = a.mean(0) - b.mean(0)
        expected = gap @ gap + a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
        assert moments[i, j] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sign", [1, -1])
def test_each_step_is_the_best_of_all_swaps(seed, sign):
    problem = problem_of(seed=seed)
    found = Steepest().search(problem)
    stage = "harder" if sign == 1 else "easier"
    path = [found[0]] + [p for p in found if p.stage == stage]
    assert len(path) >= 3
    for before, after in itertools.pairwise(path):
        best = max(sign * v for v in all_swaps(problem.means, before.left, before.right).values())
        assert sign * after.shift == pytest.approx(best, rel=1e-9)
        assert len(set(before.left) - set(after.left)) == 1
    last = all_swaps(problem.means, path[-1].left, path[-1].right).values()
    assert max(sign * v for v in last) <= sign * path[-1].shift + 1e-6 * path[-1].shift


@pytest.mark.parametrize("seed", range(3))
def test_steepest_beats_the_heuristic(seed):
    problem = problem_of(80, 60, seed)
    steepest = [p.shift for p in Steepest().search(problem)]
    heuristic = [p.shift for p in SwapHeuristic(iterations=60).search(problem)]
    assert max(steepest) >= max(heuristic)
    assert min(steepest) < min(heuristic)


def test_restarts_and_annealing_are_seeded_and_never_worse():
    problem = problem_of()
    plain = Steepest().search(problem)
    more = [Steepest(restarts=2, annealing=40).search(problem) for _ in range(2)]
    assert [p.shift for p in more[0]] == [p.shift for p in more[1]]
    assert {p.stage.split()[0] for p in more[0]} >= {"restart", "annealed", "harder"}
    restarted = Steepest(restarts=2).search(problem)
    assert max(p.shift for p in restarted) >= max(p.shift for p in plain)
    assert min(p.shift for p in restarted) <= min(p.shift for p in plain)


def ragged(classes=60, dims=40, seed=0):
    """Classes with 4 to 12 images."""
    features, names, ids = clustered(classes, dims, 12, seed)
    counts = np.random.default_rng(seed).integers(4, 13, classes)
    keep = np.concatenate([np.arange(12) < c for c in counts])
    return features[keep], names[keep], [i for i, k in zip(ids, keep, strict=True) if k]


@pytest.mark.parametrize("seed", range(3))
def test_target_meets_evenly_spaced_targets(seed):
    features, names, ids = ragged(seed=seed)
    ladder = generate_ladder(features, names, "target", 6, image_ids=ids, seed=seed)
    shifts = np.array([level.shift for level in ladder.levels])
    assert np.allclose(shifts, np.linspace(shifts[0], shifts[-1], 6), rtol=0.01)
    assert all(level.reached for level in ladder.levels)
    for level in ladder.levels:
        assert level.counts["test_classes"] == 30
        assert level.counts["train_classes"] + level.counts["val_classes"] == 30
    tests = [level.counts["test_images"] for level in ladder.levels]
    assert max(tests) - min(tests) <= 0.1 * max(tests)
    assert ladder.options["image_tolerance"] == 0.05


def test_target_at_given_shifts_and_beyond_reach():
    features, names, ids = ragged()
    free = generate_ladder(features, names, "target", 3, image_ids=ids)
    low, high = free.levels[0].shift, free.levels[2].shift
    wanted = [low + 0.3 * (high - low), low + 0.6 * (high - low), 2 * high]
    ladder = generate_ladder(features, names, "target", 3, image_ids=ids, targets=wanted)
    assert [level.reached for level in ladder.levels] == [True, True, False]
    assert ladder.levels[2].shift == pytest.approx(high, rel=1e-6)
    assert [level.target for level in ladder.levels] == wanted


def test_target_is_deterministic_and_blind_to_order():
    features, names, ids = ragged()
    one = generate_ladder(features, names, "target", 4, image_ids=ids, seed=2)
    order = np.random.default_rng(1).permutation(len(ids))
    other = generate_ladder(
        features[order], names[order], "target", 4, image_ids=[ids[i] for i in order], seed=2
    )
    assert one.sha256 == other.sha256


def test_superclasses_stay_whole_and_pins_hold():
    features, names, ids = ragged()
    classes = sorted(set(names))
    superclass_of = {n: f"group{i % 12}" for i, n in enumerate(classes)}
    ladder = generate_ladder(
        features, names, "target", 3, image_ids=ids, superclass_of=superclass_of,
        keep_superclasses=True, pinned_test=[classes[0]], image_tolerance=0.3,
    )  # fmt: skip
    for level in ladder.levels:
        sides = [{superclass_of[n] for n in side} for side in (level.training_side, level.test)]
        assert not sides[0] & sides[1]
        assert classes[0] in level.test
    pinned = generate_ladder(
        features, names, "target", 3, image_ids=ids, pinned_train=classes[:3],
        pinned_test=classes[3:6],
    )  # fmt: skip
    for level in pinned.levels:
        assert set(classes[:3]) <= set(level.training_side)
        assert set(classes[3:6]) <= set(level.test)


def test_superclasses_of_different_size_move_within_the_class_tolerance():
    features, names, ids = ragged()
    classes = sorted(set(names))
    sizes = [1, 2, 3, 4, 5, 6, 9, 10, 5, 5, 4, 6]
    groups = np.repeat([f"g{k}" for k in range(len(sizes))], sizes)
    superclass_of = dict(zip(classes, groups, strict=True))
    ladder = generate_ladder(
        features, names, "steepest", 3, image_ids=ids, superclass_of=superclass_of,
        keep_superclasses=True, class_tolerance=0.1,
    )  # fmt: skip
    counts = [level.counts["test_classes"] for level in ladder.levels]
    assert max(counts) <= 1.1 / 0.9 * min(counts)
    assert len(set(counts)) > 1


def test_removal_goes_beyond_swapping_and_brings_size_matched_controls():
    features, names, ids = ragged()
    free = generate_ladder(features, names, "target", 4, image_ids=ids)
    ladder = generate_ladder(features, names, "target", 4, image_ids=ids, remove_classes=12)
    assert ladder.levels[-1].shift > 1.1 * free.levels[-1].shift
    assert ladder.levels[-1].counts["test_classes"] == 18
    for level in ladder.levels:
        controls = level.controls.get("size_matched", [])
        small = level.counts["test_classes"] < 30
        assert len(controls) == (3 if small else 0)
        for entry in controls:
            assert len(entry["test"]) == level.counts["test_classes"]
            assert not set(entry["test"]) & set(entry["train"] + entry["val"])
            assert entry["shift"] < level.shift
    with pytest.raises(UsageError, match="remove_classes is 30"):
        generate_ladder(features, names, "target", 4, image_ids=ids, remove_classes=30)


def test_removal_deletes_what_brute_force_would():
    problem = problem_of(16, 20)
    start = problem.partition(problem.left, problem.right, "start", 0)
    after = next(iter(removal_stage(problem, start, 1)))
    means = problem.means.means

    def without(side, other):
        values = {c: frechet_svd(means[side[side != c]], means[other]) for c in side.tolist()}
        worst = max(values, key=values.get)
        return side[side != worst]

    left = without(start.left, start.right)
    right = without(start.right, left)
    assert after.left.tolist() == left.tolist()
    assert after.right.tolist() == right.tolist()
    assert after.shift == pytest.approx(frechet_svd(means[left], means[right]), rel=1e-9)


def test_large_search_updates_agree_with_scratch(monkeypatch):
    problem = problem_of(400, 12, seed=1)
    state = large_start(problem, problem.left, problem.right)
    for sign in (1, -1, 1):
        give, get = exchange(problem, state.left, state.right, state.moments.gap(), sign, 20)
        state = moved(state, give, get)
        scratch = Moments.of(problem.means, state.left, state.right).distance()
        direct = frechet_svd(problem.means.means[state.left], problem.means.means[state.right])
        assert state.value == pytest.approx(scratch, rel=1e-9)
        assert state.value == pytest.approx(direct, rel=1e-7)


def test_large_path_makes_the_same_kind_of_ladder(monkeypatch):
    monkeypatch.setattr("oodml.shift.generators.large.GRAM_CLASSES", 50)
    features, names, ids = ragged(1200, 16)
    ladder = generate_ladder(features, names, "target", 4, image_ids=ids, remove_classes=100)
    assert all(level.reached for level in ladder.levels)
    assert ladder.levels[-1].counts["test_classes"] == 500
    assert ladder.levels[-1].shift > 10 * ladder.levels[0].shift
    means = class_means(features, names)
    for level in ladder.levels:
        exact = means.frechet(means.rows_of(level.training_side), means.rows_of(level.test))
        assert level.shift == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"shortlist": 0}, {"restarts": -1}, {"max_steps": 0}, {"annealing_temperature": 0.0}],
)
def test_senseless_options(options):
    features, names, ids = ragged(12, 5)
    with pytest.raises(UsageError, match="option"):
        generate_ladder(features, names, "steepest", 2, image_ids=ids, **options)


def test_few_classes_still_give_many_levels():
    features, names, ids = clustered(8, 6, 4)
    ladder = generate_ladder(features, names, "target", 6, image_ids=ids)
    shifts = [level.shift for level in ladder.levels]
    assert shifts == sorted(set(shifts))


def test_leap_never_ends_below_the_heuristic_and_keeps_the_limits():
    features, names, ids = ragged(40, 20)
    means = class_means(features, names, image_ids=ids)
    units = class_units(means, None, False)
    left, right = starting_sides(means, units, None, (), (), 0)
    fixed = np.zeros(40, bool)
    free = Problem(means, left, right, units, fixed, 4, None, None, 0)
    heuristic = max(p.shift for p in SwapHeuristic().search(free))
    assert max(p.shift for p in Steepest().search(free)) >= heuristic
    held = Problem(means, left, right, units, fixed, 4, None, 0.03, 0)
    counts = {s: means.images[side].sum() for s, side in (("left", left), ("right", right))}
    for partition in Steepest().search(held):
        for side, count in counts.items():
            assert abs(means.images[getattr(partition, side)].sum() - count) <= 0.03 * count + 1
