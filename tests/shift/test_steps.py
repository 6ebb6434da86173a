"""Levels that are named steps of generator oodml, in the papers' numbering."""

from __future__ import annotations

import numpy as np
import pytest
from shift_reference import PapersHeuristic, clustered, frechet_sqrtm

from oodml import generate_ladder, load_ladder
from oodml.core.errors import UsageError
from oodml.shift import class_means
from oodml.shift.ladder.checks import structural_problems
from oodml.shift.start import class_units, starting_sides

CUB = ["-20", "-10", "0", "6", "10", "30", "R22", "R48", "R66"]


@pytest.fixture(scope="module")
def data():
    return clustered(196, 300, 3, 0, groups=20)


@pytest.fixture(scope="module")
def small():
    return clustered(24, 12, 4)


def made(data, steps, **options):
    features, names, ids = data
    return generate_ladder(features, names, "oodml", image_ids=ids, steps=steps, **options)


def test_the_levels_of_the_papers(data, tmp_path):
    ladder = made(data, CUB, seed=2, removal_iterations=33)
    found = [(level.stage, level.step) for level in ladder.levels]
    assert found == [
        ("easier", -20), ("easier", -10), ("start", 0), ("harder", 6), ("harder", 10),
        ("harder", 30), ("removal", 22), ("removal", 48), ("removal", 66),
    ]  # fmt: skip
    assert all(level.target is None and level.reached for level in ladder.levels)
    assert list(ladder.options["steps"]) == CUB
    assert structural_problems(ladder) == []
    ladder.save(tmp_path)
    assert load_ladder(tmp_path).sha256 == ladder.sha256


def test_ids_of_the_removal_stage_are_swaps_chosen(data):
    """On Cars196 R18, R42 and R66 stand after 9, 21 and 33 iterations of two swaps."""
    features, names, ids = data
    # By growing shift, which here is not the order of the ids.
    ladder = made(data, ["R18", "R66", "R42"], seed=2, removal_iterations=33)
    means = class_means(features, names, image_ids=ids)
    sides = starting_sides(means, class_units(means, None, False), None, (), (), 2)
    reference = PapersHeuristic(
        *([means.names[row] for row in side] for side in sides),
        dict(zip(means.names, means.means, strict=True)), 2,
        lambda a, b: frechet_sqrtm(np.array(a) @ axes, np.array(b) @ axes, 1e-8),
    )  # fmt: skip
    # The span of the means holds all of the distance, in fewer dimensions.
    axes = np.linalg.svd(means.means, full_matrices=False)[2].T
    assert reference.run(25, 5)[-1][0] == 48
    records = reference.remove(33, 5)
    ids_after = {9: 18, 33: 66, 21: 42}
    for level, (iterations, step) in zip(ladder.levels, ids_after.items(), strict=True):
        _, train, test = records[iterations - 1]
        assert (level.stage, level.step) == ("removal", step)
        assert (list(level.training_side), list(level.test)) == (train, test)
    with pytest.raises(UsageError, match="it takes removal_iterations = 33 or more, which is 32"):
        made(data, ["R64", "R66"], seed=2, removal_iterations=32)


def test_removal_options_apply(small):
    """From id 4 the stage begins with the sides of id 4, whether it looks ahead or not."""
    for options in ({}, {"removal_ahead": False}, {"repaired": True}):
        ladder = made(
            small, ["4", "R2"], swaps_per_iteration=2, removal_iterations=2, removal_from=4,
            **options,
        )  # fmt: skip
        four, after = ladder.levels
        gone = set(four.training_side + four.test) - set(after.training_side + after.test)
        moved = set(four.test) & set(after.training_side)
        assert len(gone) + 2 * len(moved) == 4


def test_whole_numbers_are_names_too(small):
    ladder = made(small, (0, np.int64(4), "6"))
    assert [level.step for level in ladder.levels] == [0, 4, 6]
    assert list(ladder.options["steps"]) == ["0", "4", "6"]


@pytest.mark.parametrize(
    ("steps", "options", "text"),
    [
        ("5", {}, "steps: expected a list"),
        (5, {}, "steps: expected a list"),
        ([0.5], {}, "steps: expected names"),
        ([True], {}, "steps: expected names"),
        (["0", "7"], {}, r"no step '7': ids are multiples of 2 .*\(there are: 0, 2, 4"),
        (["0", "x"], {}, "no step 'x': ids are whole numbers"),
        (["0", "R4"], {}, "no step 'R4': it takes removal_iterations = 2 or more, which is 0"),
        (["60"], {}, "no step '60': it takes iterations = 31 or more, which is 25"),
        (["60"], {"repaired": True}, "no step '60': it takes iterations = 30 or more"),
        (["-30"], {}, "no step '-30': it takes easier_iterations = 16 or more, which is 15"),
        (["R60"], {"removal_iterations": 30}, "no step 'R60': the generator ended before it"),
        (["4", "0", "6"], {}, r"does not from '4' \(.*\) to '0' .*by growing shift: 0, 4, 6"),
        (["0", "4"], {"levels": 6}, "levels is 6, but 2 steps are named"),
    ],
)
def test_wrong_steps(small, steps, options, text):
    with pytest.raises(UsageError, match=text):
        made(small, steps, **options)


def test_other_generators_name_no_steps(small):
    features, names, _ = small
    with pytest.raises(UsageError, match=r"'target' names no steps.*use generator oodml"):
        generate_ladder(features, names, steps=["0", "6"])
