"""Options of the generators and rules of a ladder: one language, and what a ladder records."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from shift_reference import clustered

from oodml.cli import split
from oodml.core.errors import UsageError
from oodml.shift import generate_ladder
from oodml.shift.generators import GENERATORS, create_generator
from oodml.shift.rules import DEFAULT_GENERATOR, DEFAULTS, LadderRules

_SEARCH = {
    "swaps_per_step": 1, "shortlist": 12, "leap": True, "restarts": 0, "annealing": 0,
    "annealing_temperature": 0.01, "min_gain": 0.0, "class_tolerance": 0.1,
}  # fmt: skip
_RULES = {
    "targets": None, "keep_superclasses": False, "pinned_train": [], "pinned_test": [],
    "min_images": 2, "image_tolerance": None, "remove_classes": 0, "val_fraction": 0.25,
    "shots": [2, 5, 10], "episodes": 10, "from_default_split": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("generator", "options", "tolerance"),
    [
        ("steepest", _SEARCH | {"max_steps": None}, None),
        ("target", _SEARCH | {"swaps_per_step": None, "restarts": 1, "min_gain": 1e-3}, 0.05),
        (
            "oodml",
            {
                "swaps_per_iteration": None, "iterations": 25, "easier_iterations": 15,
                "history": 5, "easier_history": 30, "removal_iterations": 0, "removal_from": None,
                "record_before_swap": True, "history_on_positions": True,
                "keep_lowering_swaps": True, "removal_ahead": True, "decision_eps": 1e-8,
                "repaired": False,
            },
            None,
        ),
    ],
)  # fmt: skip
def test_a_ladder_records_these_options(generator, options, tolerance):
    """They enter the ladder's hash: a key or value more or less makes another ladder."""
    assert create_generator(generator).parameters == options
    features, names, ids = clustered(12, 6, 4)
    ladder = generate_ladder(features, names, generator, 3, image_ids=ids)
    assert dict(ladder.options) == _RULES | options | {"image_tolerance": tolerance}


def test_options_are_described_and_checked():
    for name, generator in GENERATORS.items():
        assert generator.name == name
        assert all(len(one.description) > 8 for one in generator.declared().values())
    with pytest.raises(UsageError, match="generator 'target', option 'restarts': must be at least"):
        create_generator("target", restarts=-1)
    with pytest.raises(UsageError, match="generator 'target' has no option 'max_steps'"):
        create_generator("target", max_steps=3)
    assert create_generator("steepest", swaps_per_step=None).parameters["swaps_per_step"] is None


def test_defaults_stand_in_one_place():
    expected = DEFAULTS.parameters | {"generator": DEFAULT_GENERATOR}
    call = inspect.signature(generate_ladder).parameters
    assert {k: call[k].default for k in expected} == expected
    flags = {k: p.default for k, p in inspect.signature(split.make).parameters.items()}
    shared = expected.keys() & flags.keys() - {"shots"}
    assert {k: flags[k] for k in shared} == {k: expected[k] for k in shared}
    assert flags["shots"] == ",".join(map(str, DEFAULTS.shots))
    assert inspect.signature(split.import_).parameters["val_fraction"].default == 0.25


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"levels": 0}, "ladder, option 'levels': must be at least 1"),
        ({"val_fraction": 1.0}, "val_fraction is 1.0, expected"),
        ({"shots": (2, 0)}, r"shots are \[2, 0\]"),
        ({"levels": 2, "targets": (1.0, float("inf"))}, "growing, finite"),
        ({"targets": ()}, "targets are empty"),
        ({"levels": 3, "targets": (1.0, 2.0)}, "levels is 3, but 2 targets"),
        ({"steps": ()}, "steps are empty"),
        ({"steps": ("0", "6", "0")}, "step '0' is named twice"),
        ({"steps": ("0", "6"), "targets": (1.0, 2.0)}, "leave one of them out"),
        ({"steps": ("0", "6"), "levels": 6}, "levels is 6, but 2 steps are named"),
        ({"steps": ("0", "6"), "remove_classes": 3}, "papers' removal is removal_iterations"),
        ({"level": 3}, "ladder has no option 'level'; did you mean 'levels'"),
    ],
)
def test_senseless_rules(given, text):
    with pytest.raises(UsageError, match=text):
        LadderRules(**given)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({}, 6),
        ({"levels": 3}, 3),
        ({"targets": (1.0, 2.0)}, 2),
        ({"steps": ("0", "6", "10")}, 3),
        ({"steps": ("0", "6"), "levels": 2}, 2),
    ],
)
def test_steps_and_targets_say_how_many_levels(given, count):
    assert LadderRules(**given).level_count == count


def test_targets_alone_make_as_many_levels():
    features, names, _ = clustered(20, 6, 4)
    ends = generate_ladder(features, names, levels=2).levels
    targets = np.linspace(ends[0].shift, ends[1].shift, 4)[1:3]
    ladder = generate_ladder(features, names, targets=targets)
    assert [level.target for level in ladder.levels] == targets.tolist()
