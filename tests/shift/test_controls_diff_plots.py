from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shift_reference import clustered

from oodml import generate_ladder
from oodml.core.errors import UsageError
from oodml.shift import class_means
from oodml.shift.controls import ceiling_images, reverse_level, size_matched_levels
from oodml.shift.ladder.checks import structural_problems
from oodml.shift.ladder.diff import diff_ladders
from oodml.shift.plots import plot_ladder


@pytest.fixture(scope="module")
def data():
    return clustered(32, 16, 7)


def made(data, **options):
    features, names, ids = data
    settings = {"generator": "target", "levels": 3, "image_ids": ids, "dataset": "toy"}
    return generate_ladder(features, names, **(settings | options))


@pytest.fixture(scope="module")
def ladder(data):
    return made(data, remove_classes=6)


def test_reverse_changes_the_sides_over(ladder):
    for level in ladder.levels:
        back = reverse_level(ladder, level.index)
        assert back.training_side == level.test
        assert back.test == level.training_side
        assert back.shift == level.shift
        assert back.counts["test_images"] == 7 * len(back.test)
        assert back.val
    with pytest.raises(UsageError, match="levels 0 to 2"):
        reverse_level(ladder, 3)


def test_ceiling_splits_the_images_of_the_test_classes(data, ladder):
    _, names, ids = data
    images = {}
    for name, image in zip(names, ids, strict=True):
        images.setdefault(str(name), []).append(image)
    train, test = ceiling_images(ladder, 1, images)
    assert sorted(train) == sorted(test) == list(ladder.levels[1].test)
    for name in train:
        assert not set(train[name]) & set(test[name])
        assert sorted(train[name] + test[name]) == sorted(images[name])
        assert len(train[name]) in (3, 4)
    few = images | {ladder.levels[1].test[0]: ["a", "b", "c"]}
    with pytest.raises(UsageError, match=r"has 3 image\(s\) here, its ceiling needs 4"):
        ceiling_images(ladder, 1, few)
    bare = replace(ladder, levels=(replace(ladder.levels[0], controls={}),))
    for control in (lambda: ceiling_images(bare, 0, images), lambda: reverse_level(bare, 0)):
        with pytest.raises(UsageError, match="imported without features"):
            control()
    again = ceiling_images(ladder, 1, {n: ids[::-1] for n, ids in images.items()})
    assert again == (train, test)


def test_size_matched_levels_come_from_the_start(data, ladder):
    hard = ladder.levels[-1]
    controls = size_matched_levels(ladder, hard.index)
    assert len(controls) == 3
    for control in controls:
        assert len(control.test) == len(hard.test) == 10
        assert len(control.training_side) == len(hard.training_side)
        assert not set(control.test) & set(control.training_side)
        assert control.counts["test_images"] == 70
    assert size_matched_levels(ladder, 0) == ()


def test_broken_controls_are_found(ladder):
    level = ladder.levels[0]
    broken = dict(level.controls)
    broken["reverse"] = {"train": list(level.train), "val": []}
    changed = replace(ladder, levels=(replace(level, controls=broken), *ladder.levels[1:])).sealed()
    assert any("controls.reverse" in text for text in structural_problems(changed))


def test_diff(data, ladder):
    assert diff_ladders(ladder, ladder).same_splits
    assert diff_ladders(ladder, ladder).fields == {}
    other = made(data, seed=1, name="other")
    found = diff_ladders(ladder, other)
    assert not found.same_splits
    assert {"seed", "name", "options"} <= set(found.fields)
    for index, level in enumerate(found.levels):
        one, two = set(ladder.levels[index].test), set(other.levels[index].test)
        assert set(level.only_first) == one - two
        assert level.overlap == pytest.approx(len(one & two) / len(one | two))
    shorter = diff_ladders(ladder, made(data, levels=2))
    assert shorter.levels[2].shift[1] is None
    renamed = diff_ladders(ladder, replace(ladder, name="x").sealed())
    assert renamed.same_splits
    assert list(renamed.fields) == ["name"]


@pytest.mark.parametrize("with_superclasses", [True, False])
def test_plots_are_written_and_repeat(data, ladder, tmp_path, with_superclasses):
    features, names, ids = data
    means = class_means(features, names, image_ids=ids)
    superclass_of = {n: f"group {i % 3}" for i, n in enumerate(sorted(set(names)))}
    chosen = superclass_of if with_superclasses else None
    files = plot_ladder(ladder, tmp_path / "a", means=means, superclass_of=chosen)
    assert {path.name for path in files} == {
        f"{name}.{ending}" for name in ("shift", "map", "moves") for ending in ("png", "svg")
    }
    again = plot_ladder(ladder, tmp_path / "b", means=means, superclass_of=chosen)
    for one, other in zip(files, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size > 2000
    text = (tmp_path / "a" / "moves.svg").read_text()
    assert ("group 2 (" in text) == with_superclasses


def test_plots_of_an_unmeasured_ladder(ladder, tmp_path):
    bare = replace(
        ladder, generator="imported", levels=(replace(ladder.levels[0], shift=np.nan),)
    ).sealed()
    files = plot_ladder(bare, tmp_path)
    assert len(files) == 2
