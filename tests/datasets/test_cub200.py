"""The official CUB layout, whole and damaged, and the real archive."""

from __future__ import annotations

from pathlib import Path

import layouts
import pytest

from oodml.core.errors import DataError, UsageError
from oodml.datasets import describe, load_dataset
from oodml.datasets.added import Handed, add_dataset, verify_added

pytestmark = pytest.mark.usefixtures("oodml_home")

CLASSES = {"002.B": 2, "050.C": 3, "100.D": 2, "101.E": 2, "200.F": 2}


def test_official_layout(tmp_path: Path) -> None:
    root = layouts.cub(tmp_path / "CUB_200_2011", CLASSES)
    inside = add_dataset("cub200", None, Handed(folder=root))
    around = add_dataset("birds", "cub200", Handed(folder=tmp_path))
    assert inside.fingerprint == around.fingerprint
    assert inside.image_ids[0] == "002.B/B_0.jpg"
    assert inside.class_names == tuple(CLASSES)
    assert inside.default_split == (("002.B", "050.C", "100.D"), ("101.E", "200.F"))
    assert around.load_image(10).size == (8, 8)


def test_one_side_only_has_no_default_split(tmp_path: Path) -> None:
    root = layouts.cub(tmp_path, {"001.A": 2, "002.B": 2})
    assert add_dataset("cub200", None, Handed(folder=root)).default_split is None


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.txt", "2 002.B/B_1.jpg", "2 002.B/B_0.jpg", "'002.B/B_0.jpg' stands twice"),
        ("images.txt", "2 002.B/B_1.jpg", "1 002.B/B_1.jpg", "line 2: number 1 stands twice"),
        ("images.txt", "2 002.B/B_1.jpg", "two 002.B/B_1.jpg", "line 2: expected 'number value'"),
        ("images.txt", "2 002.B/B_1.jpg", "2", "line 2: expected 'number value'"),
        ("images.txt", "2 002.B/B_1.jpg", "2 002.B/gone.jpg", "002.B/gone.jpg: missing"),
        ("images.txt", "2 002.B/B_1.jpg", "2 ../../x.jpg", "'..'"),
        ("image_class_labels.txt", "2 2\n", "", "no class for 002.B/B_1.jpg"),
        ("image_class_labels.txt", "2 2\n", "2 77\n", "no name for class 77"),
        ("classes.txt", "200 200.F", "200 200.F\n201 201.G", "without an image: 201.G"),
        ("classes.txt", "200 200.F", "200 101.E", "class '101.E' stands twice"),
    ],
)
def test_damaged_tables(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    root = layouts.cub(tmp_path, CLASSES)
    edit(root / file, old, new)
    with pytest.raises(DataError, match=message):
        add_dataset("cub200", None, Handed(folder=root))


def test_missing_tables(tmp_path: Path) -> None:
    root = layouts.cub(tmp_path / "cub", CLASSES)
    (root / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"classes\.txt: no such file; it belongs"):
        add_dataset("cub200", None, Handed(folder=root))
    (root / "images.txt").unlink()
    with pytest.raises(DataError, match=r"no images\.txt"):
        add_dataset("cub200", None, Handed(folder=root))


def test_a_changed_table_is_found(tmp_path: Path) -> None:
    root = layouts.cub(tmp_path, CLASSES)
    add_dataset("cub200", None, Handed(folder=root))
    edit(root / "classes.txt", "200.F", "200.G")
    assert verify_added("cub200") == [
        "classes.txt: content is not what was recorded (sha256 differs)"
    ]


def test_before_it_is_added() -> None:
    with pytest.raises(UsageError, match="oodml data add cub200 --archive"):
        load_dataset("cub200")


def test_the_real_subset(shared_data: Path) -> None:
    archive = shared_data / "CUB_200_2011_100classes_227px.tgz"
    if not archive.is_file():
        pytest.skip(f"no {archive.name}")
    dataset = add_dataset("cub200", None, Handed(archives=(archive,)))
    summary = describe(dataset)
    assert (summary.images, summary.classes) == (5902, 100)
    assert (summary.per_class_min, summary.per_class_max) == (45, 60)
    assert summary.default_split == {
        "train": {"classes": 58, "images": 3428},
        "test": {"classes": 42, "images": 2474},
    }
    first = "001.Black_footed_Albatross/Black_footed_Albatross_0001_1.jpg"
    assert dataset.image_ids[0] == first
    assert dataset.load_image(0).size == (227, 227)
    assert dataset.fingerprint == "77b44db6a897948156b31d4db35445c7fedee1b3f39fb296bb437565cec99f51"
    assert load_dataset("cub200").fingerprint == dataset.fingerprint
