"""Conditions: who is trained on and tested on what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_specs import SMALL, opened

import oodml
from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.runs import parse_spec
from oodml.runs.plan.conditions import (
    ConditionContext,
    describe_condition,
    get_condition,
    list_conditions,
)
from oodml.runs.plan.conditions.ceiling import validation_images
from oodml.runs.plan.split import Items, ItemTable, Split, joined
from oodml.runs.prepare import prepare
from oodml.shift.generate import generate_ladder

ALL = ["forward", "reverse", "ceiling", "size-matched"]


@pytest.fixture
def context() -> ConditionContext:
    """A ladder whose last level lost classes, so that every control is there."""
    rng = np.random.default_rng(0)
    names = tuple(f"class-{c:02d}" for c in range(16))
    labels = rng.permutation(np.repeat(np.arange(16), 9))
    features = rng.normal(size=(16, 5))[labels] + 0.3 * rng.normal(size=(len(labels), 5))
    ids = tuple(f"item-{i:03d}" for i in range(len(labels)))
    ladder = generate_ladder(
        features, labels, "target", 3, image_ids=ids, class_names=names, remove_classes=2,
        shots=(2,), episodes=2,
    )  # fmt: skip
    return ConditionContext(ladder, ItemTable(ids, labels, names), (0, 1, 2))


def splits(context: ConditionContext, name: str) -> list[Split]:
    return get_condition(name)(context)


def classes(*parts: Items) -> set[str]:
    return {name for part in parts for name in part.names}


def test_every_condition_says_what_it_is() -> None:
    assert set(list_conditions()) >= set(ALL)
    assert all(describe_condition(name).endswith((".", ":", ".")) for name in ALL)


@pytest.mark.parametrize("name", ALL)
def test_no_image_stands_in_two_parts(context: ConditionContext, name: str) -> None:
    found = splits(context, name)
    assert found
    for split in found:
        parts = [split.train, split.val, split.test]
        rows = np.concatenate([part.rows for part in parts])
        assert len(np.unique(rows)) == len(rows)
        for part in parts:
            assert (np.diff(part.rows) > 0).all()
            true = [context.items.class_names[k] for k in context.items.labels[part.rows]]
            assert part.names == true, "labels are those of the data set"
        assert split.condition == name


@pytest.mark.parametrize("name", ["forward", "reverse", "size-matched"])
def test_classes_are_disjoint(context: ConditionContext, name: str) -> None:
    for split in splits(context, name):
        assert not classes(split.train) & classes(split.val)
        assert not classes(split.train, split.val) & classes(split.test)
        every = context.items.of_classes(split.test.class_names)
        assert np.array_equal(every.rows, split.test.rows), "all images of the test classes"


def test_reverse_exchanges_the_sides(context: ConditionContext) -> None:
    for forward, reverse in zip(
        splits(context, "forward"), splits(context, "reverse"), strict=True
    ):
        assert classes(reverse.test) == classes(forward.train, forward.val)
        assert classes(reverse.train, reverse.val) == classes(forward.test)
        assert reverse.shift == forward.shift


def test_the_ceiling_has_the_same_classes_and_other_images(context: ConditionContext) -> None:
    for forward, ceiling in zip(
        splits(context, "forward"), splits(context, "ceiling"), strict=True
    ):
        assert classes(ceiling.train) == classes(ceiling.test) == classes(forward.test)
        assert classes(ceiling.val) == classes(forward.test)
        assert set(ceiling.test.rows) < set(forward.test.rows)
        assert np.bincount(ceiling.test.labels).min() >= 2
        assert np.bincount(ceiling.val.labels).min() >= 2, "a validation image finds a positive"
        assert ceiling.train_classes == len(classes(forward.test))


def test_ceiling_validation_is_a_seeded_quarter_of_the_images_of_large_classes() -> None:
    images = {"big": [f"b{i}" for i in range(20)], "four": list("wxyz"), "three": list("abc")}
    kept, held = validation_images(images, 7)
    assert {name: len(ids) for name, ids in held.items()} == {"big": 5, "four": 2, "three": 0}
    assert all(sorted(kept[name] + held[name]) == sorted(images[name]) for name in images)
    turned = {name: ids[::-1] for name, ids in reversed(images.items())}
    assert validation_images(turned, 7)[1] == held
    assert validation_images(images, 8)[1] != held


def test_size_matched_has_draws_where_classes_were_lost(context: ConditionContext) -> None:
    found = splits(context, "size-matched")
    by_level = {split.level for split in found}
    assert by_level
    assert 0 not in by_level
    for level in by_level:
        draws = [split for split in found if split.level == level]
        assert [split.draw for split in draws] == [0, 1, 2]
        assert len({tuple(split.test.class_names) for split in draws}) > 1
        rung = context.ladder.levels[level]
        assert all(len(split.test.class_names) == len(rung.test) for split in draws)


def test_a_ladder_without_controls_is_refused_before_training(
    vector_data: str, tmp_path: Path
) -> None:
    plan = prepare(parse_spec({**SMALL, "tasks": [{"name": "retrieval"}]}), tmp_path / "made")
    ladder = oodml.load_ladder(tmp_path / "made" / plan.settings[0].ladder_folder)
    bare = replace(ladder, levels=tuple(replace(one, controls={}) for one in ladder.levels))
    bare.sealed().save(tmp_path / "bare")
    spec = {**SMALL, "ladder": {"path": str(tmp_path / "bare")}, "tasks": [{"name": "retrieval"}]}
    prepare(parse_spec(spec), tmp_path / "out")
    for name in ("reverse", "ceiling", "size-matched"):
        with pytest.raises(UsageError, match=f"condition '{name}': ladder .* records no controls"):
            prepare(parse_spec({**spec, "conditions": ["forward", name]}), tmp_path / "out")


def test_joined_parts_keep_rows_and_refuse_a_row_twice() -> None:
    a = Items(np.array([1, 4]), np.array([0, 1]), ("x", "z"))
    b = Items(np.array([0, 2]), np.array([1, 0]), ("x", "y"))
    both = joined([a, b])
    assert both.class_names == ("x", "y", "z")
    assert both.rows.tolist() == [0, 1, 2, 4]
    assert both.names == ["y", "x", "x", "z"]
    with pytest.raises(UsageError, match="two parts"):
        joined([a, a])


def test_seeds_of_other_conditions_hash_condition_and_draw(
    vector_data: str, tmp_path: Path
) -> None:
    spec: dict[str, Any] = {**SMALL, "conditions": ["forward", "reverse"]}
    plan, _, _ = opened(parse_spec({**spec, "tasks": [{"name": "retrieval"}]}), tmp_path / "out")
    forward = next(c for c in plan.cells if c.condition == "forward" and c.trains)
    first = (forward.ladder_sha256, forward.level, forward.seed)
    assert forward.derived_seed("cell") == derived_seed("cell", *first)
    assert forward.derived_seed("adaptation", 2, 1) == derived_seed("adaptation", *first, 2, 1)
    reverse = replace(forward, condition="reverse")
    assert reverse.derived_seed("cell") == derived_seed("cell", *first, "reverse", None)
    drawn = {replace(reverse, draw=draw).derived_seed("cell") for draw in (None, 0, 1)}
    assert len(drawn) == 3


def test_conditions_run_end_to_end(vector_data: str, tmp_path: Path) -> None:
    spec = {
        **SMALL,
        "conditions": ["forward", "reverse", "ceiling"],
        "training": {**SMALL["training"], "selection": "best-val", "evaluate_every": 10},
        "tasks": [{"name": "retrieval"}, {"name": "k-shot", "shots": [2], "episodes": 2}],
    }
    results = oodml.run(spec, tmp_path / "out", executor="serial")
    assert len(results["run_id"].unique()) == 3 * 2 * 2
    assert set(results["condition"]) == {"forward", "reverse", "ceiling"}
    assert (results[results["task"] == "k-shot"].groupby("condition")["n"].min() == 2).all()
    one = results[(results["metric"] == "recall_at_1") & (results["level"] == 0)]
    values = one[one["label"] == "frozen"].set_index("condition")["value"]
    assert values.nunique() == 3
    # frozen features on the ceiling's test images, from the definition
    plan, bench, _ = opened(parse_spec(spec), tmp_path / "out")
    test = bench.splits("ceiling", 0)[0].test
    again = oodml.evaluate(np.asarray(bench.features[test.rows]), test.names)
    assert again.metrics["recall_at_1"] == values["ceiling"]
    assert len(plan.cells) == 12


def test_held_out_trains_as_forward_and_tests_as_the_ceiling(context: ConditionContext) -> None:
    for held, forward, ceiling in zip(
        splits(context, "held-out"),
        splits(context, "forward"),
        splits(context, "ceiling"),
        strict=True,
    ):
        assert held.training_condition == "forward"
        assert held.train.names == forward.train.names
        np.testing.assert_array_equal(held.train.rows, forward.train.rows)
        np.testing.assert_array_equal(held.test.rows, ceiling.test.rows)
        assert not set(held.test.rows) & set(ceiling.train.rows)


def test_validation_never_opens_a_test_class(context: ConditionContext) -> None:
    for split, forward in zip(
        splits(context, "validation"), splits(context, "forward"), strict=True
    ):
        assert classes(split.train) == classes(forward.train)
        assert classes(split.test) == classes(forward.val)
        assert not len(split.val)
        assert not classes(split.train, split.test) & classes(forward.test)


def test_a_held_out_cell_is_the_forward_model_on_fewer_images(
    vector_data: str, tmp_path: Path
) -> None:
    """Taken from forward's weights where they are there, trained again where not: the same."""
    spec = {
        **SMALL,
        "methods": [{"name": "triplet"}],
        "tasks": [{"name": "retrieval", "metrics": ["recall_at_1", "map_at_r"]}],
    }
    shared = oodml.run(
        {**spec, "conditions": ["forward", "held-out"]}, tmp_path / "one", executor="serial"
    )
    alone = oodml.run({**spec, "conditions": ["held-out"]}, tmp_path / "two", executor="serial")
    for table in (shared, alone):
        assert set(table.loc[table["condition"] == "held-out", "seed"]) == {0}
    one = shared[shared["condition"] == "held-out"].set_index(["run_id", "metric"])["value"]
    two = alone.set_index(["run_id", "metric"])["value"]
    assert one.to_dict() == two.to_dict()
    steps = [
        json.loads(path.read_text())["kept_step"] for path in tmp_path.glob("*/cells/*/record.json")
    ]
    assert set(steps) == {None}
