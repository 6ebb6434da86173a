"""Rows without a label stand in no class of a ladder, as they are distractors in an evaluation."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from shift_reference import clustered

from oodml import generate_ladder, load_ladder
from oodml.core.errors import DataError
from oodml.core.labels import is_missing
from oodml.shift.distance.labelled import LabelledFeatures

ROWS = [0, 5, 17, 40]


@pytest.fixture(scope="module")
def data():
    features, names, ids = clustered(16, 6, 4)
    return features, [str(name) for name in names], ids


def with_gaps(names, missing):
    return [missing if row in ROWS else name for row, name in enumerate(names)]


def without_gaps(data):
    features, names, ids = data
    keep = [row for row in range(len(names)) if row not in ROWS]
    return features[keep], [names[row] for row in keep], [ids[row] for row in keep]


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), "", np.str_("")])
def test_the_same_ladder_as_without_the_rows(data, missing, tmp_path):
    assert is_missing(missing)
    features, names, ids = data
    ladder = generate_ladder(features, with_gaps(names, missing), levels=3, image_ids=ids)
    rest, labels, kept = without_gaps(data)
    expected = generate_ladder(rest, labels, levels=3, image_ids=kept)
    assert ladder.levels == expected.levels
    assert ladder.episode_table.ids == expected.episode_table.ids
    assert ladder.images == expected.images
    assert ladder.left_out == {"": "4 image(s) without a label"}
    ladder.save(tmp_path)
    assert load_ladder(tmp_path).left_out == ladder.left_out


@pytest.mark.parametrize(
    "make",
    [
        lambda labels: np.array(labels, object),
        lambda labels: np.array([np.nan if x is None else x for x in labels], float),
        list,
    ],
)
def test_numbers_with_class_names(data, make):
    features, names, ids = data
    classes = sorted(set(names))
    labels = with_gaps([classes.index(name) for name in names], None)
    found = LabelledFeatures.of(features, make(labels), ids, classes)
    assert found.unlabelled == len(ROWS)
    assert found.names.tolist() == without_gaps(data)[1]
    assert list(found.image_ids) == without_gaps(data)[2]


def test_a_feature_table_with_an_unnamed_class(data):
    features, names, ids = data
    table = SimpleNamespace(
        features=features, image_ids=ids, manifest={}, class_names=("", *sorted(set(names))),
        labels=[0 if row in ROWS else 1 + sorted(set(names)).index(n)
                for row, n in enumerate(names)],
    )  # fmt: skip
    assert LabelledFeatures.of(table).names.tolist() == without_gaps(data)[1]


def test_words_that_only_look_missing_are_classes(data):
    features, names, ids = data
    renamed = ["nan" if n == names[0] else "None" if n == names[1 * 4] else n for n in names]
    assert {"nan", "None"} <= set(LabelledFeatures.of(features, renamed, ids).names)


@pytest.mark.parametrize(
    ("labels", "ids", "text"),
    [
        ([None] * 64, None, "no row has a label"),
        ([None] * 3, None, "no row has a label"),
        ([None, "a"], None, "64 feature rows but 2 labels"),
        ([None] + ["a"] * 63, ["x"], "64 feature rows but 1 image ids"),
    ],
)
def test_what_does_not_fit(data, labels, ids, text):
    with pytest.raises(DataError, match=text):
        generate_ladder(data[0], labels, image_ids=ids)


def test_an_unnamed_class_is_refused(data):
    with pytest.raises(DataError, match="a class needs a name"):
        LabelledFeatures.of(data[0], [0, 1] * 32, None, ["a", ""])
