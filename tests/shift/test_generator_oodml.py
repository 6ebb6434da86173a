from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shift_reference import PapersHeuristic, clustered, frechet_sqrtm, frechet_svd

from oodml.core.errors import UsageError
from oodml.shift import class_means
from oodml.shift.generators import Problem
from oodml.shift.generators.oodml import SwapHeuristic
from oodml.shift.generators.swap_rule import History, Sides, SwapRule
from oodml.shift.start import class_units, starting_sides


def problem_of(classes=40, dims=24, seed=0, images=3, superclass_of=None):
    features, names, ids = clustered(classes, dims, images, seed)
    means = class_means(features, names, image_ids=ids)
    units = class_units(means, superclass_of, superclass_of is not None)
    left, right = starting_sides(means, units, None, (), (), seed)
    return Problem(means, left, right, units, np.zeros(classes, bool), 4, None, None, seed)


def search(problem, **options):
    found = SwapHeuristic(**options).search(problem)
    names = problem.means.names
    return {
        (p.stage, p.step): ([names[i] for i in p.left], [names[i] for i in p.right], p.shift)
        for p in found
    }


def transcription(problem, swaps, eps=0.0, repaired=False):
    means = problem.means
    of = dict(zip(means.names, means.means, strict=True))

    def distance(a, b):
        a, b = np.array(a), np.array(b)
        return frechet_sqrtm(a, b, eps) if eps else frechet_svd(a, b)

    return PapersHeuristic(
        [means.names[i] for i in problem.left],
        [means.names[i] for i in problem.right],
        of,
        swaps,
        distance,
        repaired,
    )


def assert_records(found, records, stage):
    """The same ids with the same classes, no more and no less."""
    expected = {("start" if step == 0 else stage, step): (a, b) for step, a, b in records}
    met = {k: v[:2] for k, v in found.items() if k[0] == stage or (k[1] == 0 and k in expected)}
    assert met == expected


@settings(max_examples=60, deadline=None)
@given(
    classes=st.integers(8, 60),
    dims=st.integers(2, 40),
    swaps=st.integers(1, 6),
    history=st.integers(0, 30),
    easier_history=st.integers(0, 30),
    repaired=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_gives_the_classes_of_a_straight_transcription(
    classes, dims, swaps, history, easier_history, repaired, seed
):
    problem = problem_of(classes, dims, seed)
    found = search(
        problem, swaps_per_iteration=swaps, history=history, easier_history=easier_history,
        decision_eps=0.0, removal_iterations=12, repaired=repaired,
    )  # fmt: skip
    harder = transcription(problem, swaps, repaired=repaired)
    assert_records(found, harder.run(25, history), "harder")
    easier = transcription(problem, swaps, repaired=repaired)
    assert_records(found, easier.run(15, easier_history, descending=True), "easier")
    assert_records(found, harder.remove(12, history), "removal")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("swaps", "eps"), [(1, 0.0), (2, 0.0), (2, 1e-8)])
def test_removal_stage_like_the_transcription(seed, swaps, eps):
    """Names start at the last recorded split, features one iteration ahead (the mutated list)."""
    problem = problem_of(60, 80, seed)
    found = search(problem, swaps_per_iteration=swaps, decision_eps=eps, removal_iterations=15)
    reference = transcription(problem, swaps, eps)
    records = reference.run(25, 5)
    assert records[-1][0] == 24 * swaps
    assert_records(found, reference.remove(15, 5), "removal")
    stages = [key for key in found if key[0] == "removal"]
    assert len(stages) == 15
    sizes = {len(found[key][0]) for key in stages}
    assert min(sizes) < 30


def test_the_resting_positions_move_on_within_an_iteration():
    """An iteration by hand, both sides in the order 0, 1, 2, ...; on the right nothing near rests."""
    sides = Sides([0, 1, 2, 3], list(range(4, 12)))
    history = History(2, on_positions=True)
    history.add(sides, 1, 7)
    history.add(sides, 0, 6)
    rule = SimpleNamespace(orders=lambda *_: (list(range(4)), list(range(8))))
    # k = 0 passes over 0 and 1; then 1 has dropped off, so k = 1 takes 1 and not 3.
    assert SwapRule.choose(rule, sides, history, 2, False) == [(2, 0), (1, 1)]


def test_every_recorded_shift_is_the_exact_distance():
    problem = problem_of(30, 40)
    means = problem.means
    for train, test, shift in search(problem, removal_iterations=5).values():
        left, right = means.rows_of(train), means.rows_of(test)
        assert shift == pytest.approx(frechet_svd(means.means[left], means.means[right]), rel=1e-9)


def test_papers_ids_and_repaired_version():
    problem = problem_of(60, 80)
    faithful = search(problem, swaps_per_iteration=2)
    assert max(step for stage, step in faithful if stage == "harder") == 48
    assert min(step for stage, step in faithful if stage == "easier") == -28
    repaired = search(problem, swaps_per_iteration=2, repaired=True, removal_iterations=10)
    assert max(step for stage, step in repaired if stage == "harder") == 50
    values = [repaired["harder", 50][2]]
    values += [v[2] for k, v in repaired.items() if k[0] == "removal"]
    assert max(values) > values[0]


def test_repaired_history_rests_classes():
    """With a history as long as the run, no class moves twice."""
    problem = problem_of(60, 80)
    found = search(problem, swaps_per_iteration=2, iterations=7, history=100, repaired=True)
    start, end = found["start", 0], found["harder", 14]
    assert len(set(start[0]) - set(end[0])) == 14


def test_superclasses_move_whole():
    names = [f"class{c:03d}" for c in range(40)]
    superclass_of = {n: f"group{i % 8}" for i, n in enumerate(names)}
    problem = problem_of(40, 24, superclass_of=superclass_of)
    found = search(problem, swaps_per_iteration=1, history=1, easier_history=1)
    assert len(found) > 3
    for train, test, _ in found.values():
        assert not {superclass_of[n] for n in train} & {superclass_of[n] for n in test}


def test_pinned_classes_stay():
    problem = problem_of(40, 24)
    fixed = np.zeros(40, bool)
    fixed[problem.left[:5]] = fixed[problem.right[:5]] = True
    pinned = Problem(
        problem.means, problem.left, problem.right, problem.units, fixed, 4, None, None, 0
    )
    names = problem.means.names
    for train, test, _ in search(pinned).values():
        assert {names[i] for i in problem.left[:5]} <= set(train)
        assert {names[i] for i in problem.right[:5]} <= set(test)


def test_unknown_removal_start_is_named():
    with pytest.raises(UsageError, match="no harder split with id 47"):
        search(problem_of(40), swaps_per_iteration=2, removal_iterations=3, removal_from=47)
