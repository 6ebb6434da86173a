"""Omniglot's sets, alone, overlapping and contradicting each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import layouts
import pytest

from oodml.core.errors import DataError
from oodml.datasets import describe
from oodml.datasets.added import Handed, add_dataset

pytestmark = pytest.mark.usefixtures("oodml_home")


def drawings(root: Path, name: str, alphabets: list[str], first_seed: int = 0) -> Path:
    for alphabet in alphabets:
        for character in (1, 2):
            for drawing in (1, 2):
                path = (
                    f"{name}/{alphabet}/character{character:02d}/{character:04d}_{drawing:02d}.png"
                )
                seed = first_seed + character * 10 + drawing + 100 * len(alphabet)
                layouts.write_image(root / path, seed)
    return root / name


def test_both_official_sets_give_the_split(tmp_path: Path) -> None:
    drawings(tmp_path, "images_background", ["Greek", "Latin"])
    drawings(tmp_path, "images_evaluation", ["Tengwar"])
    dataset = add_dataset("omniglot", None, Handed(folder=tmp_path))
    assert dataset.class_names[:2] == ("Greek/character01", "Greek/character02")
    assert dataset.image_ids[0] == "Greek/character01/0001_01.png"
    assert dataset.superclass_of is not None
    assert dataset.superclass_of["Tengwar/character02"] == "Tengwar"
    assert dataset.default_split is not None
    assert dataset.default_split[1] == ("Tengwar/character01", "Tengwar/character02")


def test_overlapping_sets_are_merged(tmp_path: Path) -> None:
    one = layouts.zipped(
        drawings(tmp_path, "images_background_small1", ["Greek", "Latin"]), tmp_path / "1.zip"
    )
    two = layouts.zipped(
        drawings(tmp_path, "images_background_small2", ["Greek", "Sanskrit"]), tmp_path / "2.zip"
    )
    dataset = add_dataset("omniglot", None, Handed(archives=(one, two)))
    assert len(dataset) == 3 * 4
    swapped = add_dataset("other", "omniglot", Handed(archives=(two, one)))
    assert swapped.fingerprint == dataset.fingerprint


def test_contradicting_copies_are_refused(tmp_path: Path) -> None:
    drawings(tmp_path, "images_background_small1", ["Greek"])
    drawings(tmp_path, "images_background_small2", ["Greek"], first_seed=5)
    with pytest.raises(DataError, match="are the same image id but differ"):
        add_dataset("omniglot", None, Handed(folder=tmp_path))


def test_a_class_on_both_sides_is_refused(tmp_path: Path) -> None:
    drawings(tmp_path, "images_background", ["Greek"])
    shutil.copytree(tmp_path / "images_background", tmp_path / "images_evaluation")
    for path in sorted((tmp_path / "images_evaluation").rglob("*.png")):
        path.rename(path.with_name("9" + path.name))
    with pytest.raises(DataError, match="in the background and in the evaluation set"):
        add_dataset("omniglot", None, Handed(folder=tmp_path))


def test_another_layout_is_refused(tmp_path: Path) -> None:
    layouts.image_folder(tmp_path / "pets", {"cat": 2})
    with pytest.raises(DataError, match="no drawings found"):
        add_dataset("omniglot", None, Handed(folder=tmp_path / "pets"))


def test_the_real_small_sets(shared_data: Path) -> None:
    archives = tuple(shared_data / f"omniglot_images_background_small{n}.zip" for n in (1, 2))
    if not all(archive.is_file() for archive in archives):
        pytest.skip("no Omniglot archives")
    summary = describe(add_dataset("omniglot", None, Handed(archives=archives)))
    assert (summary.images, summary.classes) == (4840, 242)
    assert summary.per_class_min == summary.per_class_max == 20
    assert summary.superclasses is not None
    assert (summary.superclasses["Greek"], summary.superclasses["Latin"]) == (24, 26)
    expected = "345474413c56e69c3ce4aa0755ad96ccb5c1ca40a3a89edb03dd97c65814c795"
    assert summary.fingerprint == expected
