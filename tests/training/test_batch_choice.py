"""Which batch rule a training uses, and the rule of plain epochs."""

from __future__ import annotations

import numpy as np
import pytest

import oodml
from oodml.core.errors import UsageError
from oodml.methods.batch_rule import batch_generator, create_batch_rule, items_by_class
from oodml.training import TrainingSettings, batches_of

LABELS = np.repeat(np.arange(4), (3, 5, 8, 10))


def test_settings_take_the_place_of_a_method_s_rule() -> None:
    method = oodml.create_method("triplet", images_per_class=2)
    assert batches_of(method, TrainingSettings()) == method.batches()
    rule = batches_of(method, TrainingSettings(batch_rule="with-replacement"))
    assert (rule.name, rule.parameters) == ("with-replacement", {"images_per_class": 2})
    options = {"images_per_class": 5}
    given = TrainingSettings(batch_rule="with-replacement", batch_rule_options=options)
    assert batches_of(method, given).parameters == options
    assert batches_of(method, TrainingSettings(batch_rule="epochs")).parameters == {
        "drop_last": True
    }


def test_a_rule_that_the_method_cannot_learn_from_is_refused() -> None:
    triplet, episodic = oodml.create_method("triplet"), oodml.create_method("prototypical")
    with pytest.raises(UsageError, match="gives one view an item, support and query items"):
        batches_of(triplet, TrainingSettings(batch_rule="episodes"))
    with pytest.raises(UsageError, match="gives 2 views an item"):
        batches_of(triplet, TrainingSettings(batch_rule="two-views"))
    with pytest.raises(UsageError, match="learns from one view an item, support and query"):
        batches_of(episodic, TrainingSettings(batch_rule="m-per-class"))
    with pytest.raises(UsageError, match="did you mean epochs"):
        batches_of(triplet, TrainingSettings(batch_rule="epoch"))
    with pytest.raises(UsageError, match="need a batch_rule"):
        batches_of(triplet, TrainingSettings(batch_rule_options={"few": "skip"}))


@pytest.mark.parametrize("drop_last", [True, False])
def test_an_epoch_has_every_item_once(drop_last: bool) -> None:
    draw = create_batch_rule("epochs", drop_last=drop_last).open(LABELS, 8, seed=1)
    batches = 3 if drop_last else 4
    epochs = []
    for epoch in range(3):
        drawn = [draw(step).positions for step in range(epoch * batches, (epoch + 1) * batches)]
        assert [len(one) for one in drawn] == [8, 8, 8, 2][:batches]
        seen = np.concatenate(drawn)
        assert len(set(seen.tolist())) == len(seen) == (24 if drop_last else 26)
        epochs.append(seen.tolist())
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_single_item_is_no_batch() -> None:
    draw = create_batch_rule("epochs", drop_last=False).open(LABELS, 25, seed=1)
    assert [len(draw(step).positions) for step in range(3)] == [25, 25, 25]
    whole = create_batch_rule("epochs").open(LABELS, 100, seed=1)
    assert sorted(whole(0).positions.tolist()) == list(range(26))


def test_classes_with_too_few_items_repeat_or_are_skipped() -> None:
    repeat = create_batch_rule("m-per-class", images_per_class=6).open(LABELS, 24, seed=0)
    assert set(LABELS[repeat(0).positions]) == {0, 1, 2, 3}
    skip = create_batch_rule("m-per-class", images_per_class=6, few="skip").open(LABELS, 24, seed=0)
    for step in range(5):
        positions = skip(step).positions
        assert set(LABELS[positions]) == {2, 3}
        assert len(set(positions.tolist())) == 12
    with pytest.raises(UsageError, match="fewer than two classes have 9 items"):
        create_batch_rule("m-per-class", images_per_class=9, few="skip").open(LABELS, 24, seed=0)


@pytest.mark.parametrize("images", [1, 2, 4, 7])
@pytest.mark.parametrize("sizes", [(7, 8), (7, 40), (30, 3000), (7, 10_010)])
def test_m_per_class_draws_what_a_choice_in_each_class_draws(
    images: int, sizes: tuple[int, int]
) -> None:
    """Items of all classes are drawn at once, the very ones that class after class would give."""
    sizes_of_classes = np.random.default_rng(images).integers(*sizes, 20, endpoint=True)
    sizes_of_classes[3] = sizes[1]
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(20), sizes_of_classes))
    items = items_by_class(labels)
    draw = create_batch_rule("m-per-class", images_per_class=images).open(labels, 12 * images, 5)
    for step in range(20):
        rng = batch_generator(5, step)
        chosen = rng.choice(20, 12, replace=False)
        one_by_one = [rng.choice(items[c], images, replace=False) for c in chosen]
        np.testing.assert_array_equal(draw(step).positions, np.concatenate(one_by_one))
