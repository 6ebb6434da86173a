"""ClassDataset refuses what cannot be used, and its fingerprint depends on content alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from oodml.core.errors import DataError
from oodml.datasets import ClassDataset, DatasetCard, describe
from oodml.datasets.base import dataset_fingerprint, labels_of, shorten

CARD = DatasetCard("t", "d", "l", "c", "h", "s")


class OneColour:
    def load(self, index: int) -> Image.Image:
        return Image.new("RGB", (2, 2), (index, 0, 0))


def make(**changes: object) -> ClassDataset:
    fields: dict[str, object] = {
        "name": "toy",
        "image_ids": ("a/1", "a/2", "b/1"),
        "labels": np.array([0, 0, 1]),
        "class_names": ("a", "b"),
        "fingerprint": "0" * 64,
        "card": CARD,
        "images": OneColour(),
    }
    return ClassDataset(**(fields | changes))  # type: ignore[arg-type]


def test_a_good_data_set() -> None:
    dataset = make(superclass_of={"a": "x", "b": "x"}, default_split=(("a",), ("b",)))
    assert len(dataset) == 3
    assert dataset.image_classes == ["a", "a", "b"]
    assert dataset.load_image(2).getpixel((0, 0)) == (2, 0, 0)
    assert dataset.load_image(-1).getpixel((0, 0)) == (2, 0, 0)
    with pytest.raises(IndexError, match="image 3 of 3"):
        dataset.load_image(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_ids": ("a/1", "a/1", "b/1")}, "image id 'a/1' stands more than once"),
        ({"image_ids": (), "labels": np.array([], np.int64)}, "no images"),
        ({"image_ids": ("a/1", "a\n2", "b/1")}, "control or undecodable character"),
        ({"image_ids": ("a/1", "a/../2", "b/1")}, "an empty part"),
        ({"image_ids": ("a/1", "a/\udcff", "b/1")}, "control or undecodable"),
        ({"labels": np.array([0, 0, 1], np.int32)}, "expected int64"),
        ({"labels": np.array([0, 0])}, r"expected int64 \(3,\)"),
        ({"labels": np.array([0, 0, 2])}, "a label lies outside 0..1"),
        ({"labels": np.array([0, 0, 0])}, "b: class without an image"),
        ({"class_names": ("b", "a")}, "unique and sorted"),
        ({"class_names": ("", "b")}, "class name '' is empty"),
        ({"class_names": ("a", "b\x00")}, "control or undecodable"),
        ({"class_names": ("a", "b\\c")}, "backslash"),
        ({"class_names": (" a", "b")}, "begins or ends with a space"),
        ({"class_names": ("/etc", "b")}, "empty part"),
        ({"superclass_of": {"a": "x"}}, "no superclass given for b"),
        ({"default_split": (("a",), ("a", "b"))}, "has a on both sides"),
        ({"default_split": (("a",), ("c",))}, "unknown classes: c"),
        ({"default_split": (("a",), ())}, "has no class"),
        ({"images": None}, "either images or vectors"),
        ({"vectors": np.zeros((3, 2), np.float32)}, "either images or vectors"),
        ({"images": None, "vectors": np.zeros((2, 2), np.float32)}, r"\(3, dimensions\)"),
        ({"images": None, "vectors": np.zeros((3, 2))}, "expected float32"),
    ],
)
def test_what_cannot_be_used_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(**changes)


def test_vectors_must_be_finite() -> None:
    vectors = np.zeros((3, 2), np.float32)
    vectors[1, 1] = np.nan
    with pytest.raises(DataError, match=r"'a/2' \(row 1\)"):
        make(images=None, vectors=vectors)


def test_vectors_have_no_images() -> None:
    dataset = make(images=None, vectors=np.ones((3, 2), np.float32))
    with pytest.raises(DataError, match="holds vectors"):
        dataset.load_image(0)


def test_describe_counts_and_warns() -> None:
    dataset = make(superclass_of={"a": "x", "b": "y"}, default_split=(("a",), ("b",)))
    summary = describe(dataset)
    assert (summary.images, summary.classes) == (3, 2)
    assert (summary.per_class_min, summary.per_class_median, summary.per_class_max) == (1, 1.5, 2)
    assert summary.superclasses == {"x": 1, "y": 1}
    assert summary.default_split == {
        "train": {"classes": 1, "images": 2},
        "test": {"classes": 1, "images": 1},
    }
    assert "1 of 2 classes have one image and cannot be queried: b" in summary.warnings
    assert any("needs at least 4" in warning for warning in summary.warnings)


names = st.text("abcé字-/", min_size=1, max_size=6)
rows = st.lists(st.tuples(names, names, names), min_size=1, max_size=8, unique_by=lambda r: r[0])


@given(rows, st.randoms())
def test_fingerprint_ignores_order(rows: list[tuple[str, str, str]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dataset_fingerprint(*zip(*rows, strict=True)) == dataset_fingerprint(
        *zip(*shuffled, strict=True)
    )


@given(rows, st.integers(0, 2), st.integers(0, 7))
def test_fingerprint_sees_every_change(
    rows: list[tuple[str, str, str]], column: int, row: int
) -> None:
    row %= len(rows)
    changed = [list(r) for r in rows]
    changed[row][column] += "x"
    assert dataset_fingerprint(*zip(*rows, strict=True)) != dataset_fingerprint(
        *zip(*changed, strict=True)
    )


def test_fingerprint_is_what_it_says() -> None:
    import hashlib

    text = "oodml-dataset-1\na\tx\t01\nb\ty\t02\n"
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert dataset_fingerprint(["b", "a"], ["y", "x"], ["02", "01"]) == expected


@given(st.lists(names, min_size=1))
def test_labels_point_at_names(classes: list[str]) -> None:
    labels, class_names = labels_of(classes)
    assert [class_names[label] for label in labels] == classes
    assert list(class_names) == sorted(set(classes))


def test_long_lists_are_shortened() -> None:
    assert shorten(["a", "b"]) == "a, b"
    assert shorten(["a", "b", "c\n"], 2) == "a, b and 1 more"
    assert shorten(["c\n"]) == "'c\\n'"
