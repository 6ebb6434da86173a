"""Stores of resized images: made once, continued, checked, listed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from oodml.cli import run_command
from oodml.core.errors import DataError, IntegrityError
from oodml.datasets.image_files import images_below
from oodml.datasets.resized import making, resized_images
from oodml.features.preprocessing import Preprocessing
from oodml.training import AugmentedImages
from oodml.training.augmentation import create_augmentation

SIZES = [(40, 30), (30, 40), (16, 16), (100, 7), (24, 20), (31, 47)]


@pytest.fixture
def pictures(tmp_path: Path, oodml_home: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, (width, height) in enumerate(SIZES):
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return folder


def test_a_store_holds_every_image_at_its_short_side(pictures: Path) -> None:
    dataset = images_below(pictures, "noise")
    store = resized_images(dataset, 24, "bilinear")
    assert len(store) == len(SIZES)
    for index in range(len(SIZES)):
        whole, found = dataset.load_image(index), store.load(index)
        assert min(found.size) == 24
        assert found == whole.resize(found.size, Image.Resampling.BILINEAR)
    with pytest.raises(IndexError):
        store.load(len(SIZES))


@pytest.mark.parametrize(("resize", "same"), [(24, True), (26, True)])
def test_evaluation_does_not_depend_on_the_store(pictures: Path, resize: int, same: bool) -> None:
    dataset = images_below(pictures, "noise")
    view = Preprocessing(20, resize, "bicubic", (0.5,) * 3, (0.5,) * 3)
    recipe = create_augmentation("random-resized-crop")
    store = resized_images(dataset, 24, "bicubic")
    stored = AugmentedImages(dataset, view, recipe, store)
    direct = AugmentedImages(dataset, view, recipe)
    rows = np.arange(len(SIZES))
    for one, two in zip(
        stored.evaluation_batches(rows), direct.evaluation_batches(rows), strict=True
    ):
        assert torch.equal(one, two) == same
    assert not torch.equal(stored.training_batch(rows, 0), direct.training_batch(rows, 0))


def test_made_once_and_continued(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_BLOCK", 2)
    loaded: list[int] = []
    killed = [True]
    kept = type(images_below(pictures, "noise")).load_image

    def counting(self: object, index: int) -> Image.Image:
        loaded.append(index)
        if killed and index == 5:
            raise SystemExit
        return kept(self, index)  # type: ignore[arg-type]

    dataset = images_below(pictures, "noise")
    monkeypatch.setattr(type(dataset), "load_image", counting)
    with pytest.raises(SystemExit):
        resized_images(dataset, 24, "bilinear")
    killed.clear()
    loaded.clear()
    store = resized_images(dataset, 24, "bilinear")
    assert sorted(loaded) == [4, 5], "two whole blocks were kept"
    loaded.clear()
    assert resized_images(dataset, 24, "bilinear").load(3) == store.load(3)
    assert not loaded
    resized_images(dataset, 16, "bilinear")
    assert sorted(loaded) == list(range(6)), "another side is another store"


def test_damage_is_told(pictures: Path, oodml_home: Path) -> None:
    dataset = images_below(pictures, "noise")
    store = resized_images(dataset, 24, "bilinear")
    (folder,) = (oodml_home / "resized" / "noise").glob("24-*[0-9a-f]")
    wanted, last = store.load(0).tobytes(), store.load(5).tobytes()
    content = bytearray((folder / "pixels.bin").read_bytes())
    content[10] ^= 1
    (folder / "pixels.bin").write_bytes(content)
    damaged = resized_images(dataset, 24, "bilinear")
    assert damaged.load(5).tobytes() == last
    with pytest.raises(IntegrityError, match="image 0 is damaged; delete"):
        damaged.load(0)
    (folder / "pixels.bin").write_bytes(content[:-1])  # torn: made again without a word to obey
    assert resized_images(dataset, 24, "bilinear").load(0).tobytes() == wanted
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"side": 25}))
    assert resized_images(dataset, 24, "bilinear").load(0).tobytes() == wanted


def test_an_unreadable_image_is_named(pictures: Path) -> None:
    dataset = images_below(pictures, "noise")
    (pictures / "3.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"3\.png"):
        resized_images(dataset, 24, "bilinear")


def test_listed_and_cleaned(
    pictures: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = resized_images(images_below(pictures, "noise"), 24, "bilinear")
    (oodml_home / "resized" / "noise" / "30-bilinear-0123.partial").mkdir()
    capsys.readouterr()
    assert run_command(["cache", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["state"]) for row in rows] == [
        ("resized images", "in use"),
        ("unfinished resized images", "can be made again"),
    ]
    del store
    assert run_command(["cache", "clean", "--dataset", "noise", "--json"]) == 0
    freed = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in freed] == ["freed", "freed"]
    assert not any(Path(row["path"]).exists() for row in freed)
