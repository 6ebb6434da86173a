"""Messages over all rooms: NumPy's values are spelt as plain ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import oodml
from oodml.core.errors import DataError, OodmlError, UsageError
from oodml.evaluation import verification
from oodml.shift import frechet_distance
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.measuring import measure_ladder

RNG = np.random.default_rng(0)
LABELS = np.repeat([f"k{i:02d}" for i in range(12)], 6)
NAMES = np.unique(LABELS)
VECTORS = RNG.normal(size=(72, 4)) + np.repeat(RNG.normal(size=(12, 4)), 6, axis=0)
IDS = np.array([f"i{i}" for i in range(72)])
TWICE = np.where(np.arange(72) == 3, "i0", IDS)
HOLED = np.where(np.arange(72)[:, None] == 5, np.nan, VECTORS)


def _ladder(**given: Any) -> oodml.shift.Ladder:
    return oodml.generate_ladder(
        VECTORS, LABELS, **{"levels": 2, "shots": [2], "episodes": 1, "image_ids": IDS, **given}
    )


def _evaluate(**given: Any) -> oodml.evaluation.Report:
    return oodml.evaluate(**{"embeddings": VECTORS, "labels": LABELS, **given})


def _run(**given: Any) -> None:
    oodml.run({"schema_version": 2, "name": "x", "dataset": "x", "methods": [], **given})


WRONG: dict[str, Callable[[], Any]] = {
    "pinned to both": lambda: _ladder(pinned_train=NAMES[:1], pinned_test=NAMES[:1]),
    "pinned, unknown": lambda: _ladder(pinned_train=np.array(["zz"])),
    "on both sides": lambda: _ladder(default_split=(NAMES[:6], NAMES[5:])),
    "on neither side": lambda: _ladder(default_split=(NAMES[:6], NAMES[7:])),
    "no superclass": lambda: _ladder(superclass_of={NAMES[0]: "a"}, keep_superclasses=True),
    "seed": lambda: _ladder(seed=np.int64(-1)),
    "levels": lambda: _ladder(levels=np.float32(2.5)),
    "generator": lambda: _ladder(generator=np.str_("tarqet")),
    "option": lambda: _ladder(restarts=np.str_("a")),
    "step": lambda: _ladder(levels=None, generator="oodml", steps=np.array(["0", "x9"])),
    "targets": lambda: _ladder(levels=None, targets=np.array([3.0, np.nan], np.float32)),
    "shots": lambda: _ladder(shots=np.array([-2])),
    "feature of an image": lambda: oodml.generate_ladder(HOLED, LABELS, image_ids=IDS),
    "class names": lambda: oodml.generate_ladder(
        VECTORS, np.repeat(np.arange(12), 6), class_names=np.append(NAMES[:11], NAMES[0])
    ),
    "episodes": lambda: _ladder().episodes(0, np.int64(7)),
    "measure": lambda: measure_ladder(_ladder(), LabelledFeatures.of(VECTORS[:9], LABELS[:9])),
    "metric": lambda: _evaluate(metrics=np.array(["recal_at_1"])),
    "metric twice": lambda: _evaluate(metrics=np.array(["map_at_r", "map_at_r"])),
    "similarity": lambda: _evaluate(similarity=np.str_("x")),
    "id twice": lambda: _evaluate(ids=TWICE),
    "embedding of an id": lambda: _evaluate(embeddings=HOLED, ids=IDS),
    "group": lambda: _evaluate().per_group("recall_at_1", {NAMES[0]: "a"}),
    "values by query": lambda: _evaluate().per_query(np.str_("x")),
    "train classes": lambda: _evaluate(metrics=["nmi_oodml"], train_classes=np.int64(10**6)),
    "pairs": lambda: verification(VECTORS, np.array([0]), np.array([500]), np.array([True])),
    "distance": lambda: frechet_distance(HOLED, VECTORS),
    "method": lambda: oodml.create_method(np.str_("tripplet")),
    "hyper-parameter": lambda: oodml.create_method("triplet", margin=np.str_("a")),
    "its range": lambda: oodml.create_method("triplet", margin=np.float32(-1)),
    "name": lambda: oodml.register_method(np.str_("A b")),
    "schema": lambda: _run(schema_version=np.int64(9)),
    "seeds": lambda: _run(seeds=np.array([-1])),
}


@pytest.mark.parametrize("case", WRONG)
def test_messages_carry_no_traces_of_numpy(case: str) -> None:
    with pytest.raises(OodmlError) as caught:
        WRONG[case]()
    message = str(caught.value)
    assert message
    assert not re.search(r"\bnp\.|\bnumpy\b|dtype|array\(", message), message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.str_("it's"), '"it\'s"'),
        (np.str_("a\\'b\"c (d)"), repr("a\\'b\"c (d)")),
        (np.bytes_(b"x)"), "b'x)'"),
        ([np.str_("a"), np.float32(0.5)], "['a', 0.5]"),
        (np.float64("nan"), "nan"),
        ((np.bool_(True), np.uint8(3), np.int64(-4)), "(True, 3, -4)"),
    ],
)
def test_a_numpy_value_in_any_message_is_a_plain_one(value: object, expected: str) -> None:
    for kind in (OodmlError, UsageError, DataError):
        assert str(kind(f"got {value!r}!")) == f"got {expected}!"
