"""Any image becomes RGB; what is no image is named."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oodml.core.errors import DataError
from oodml.datasets.images import ArrayImages, FileImages, decode_image, is_image_name


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    Image.new("RGB", (5, 4), "white").convert(mode).save(path)
    image = decode_image(path)
    assert (image.mode, image.size) == ("RGB", (5, 4))
    assert image.getpixel((2, 2)) == (255, 255, 255)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert decode_image(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([10, 20, 30])
    palette.save(tmp_path / "b.png", transparency=0)
    assert decode_image(tmp_path / "b.png").getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257, 32768, 65535]], np.uint16)).save(tmp_path / "a.png")
    image = decode_image(tmp_path / "a.png")
    assert [image.getpixel((x, 0)) for x in range(4)] == [(v,) * 3 for v in (0, 1, 128, 255)]


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.effect_noise((64, 64), 50).save(good)
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "torn.png").write_bytes(good.read_bytes()[:-200])
    for name in ("text.jpg", "empty.png", "torn.png"):
        with pytest.raises(DataError, match=f"{name}: not a readable image"):
            decode_image(tmp_path / name)
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        decode_image(tmp_path / "gone.png")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"bomb\.png"):
        decode_image(tmp_path / "bomb.png")


def test_image_names() -> None:
    assert is_image_name("a.JPG")
    assert not is_image_name("a.txt")
    assert not is_image_name("._a.jpg")


@pytest.mark.parametrize("shape", [(6, 3, 4), (6, 3, 4, 3)])
def test_array_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    images = ArrayImages(tmp_path / "images.npy")
    images.load(0)
    copy = pickle.loads(pickle.dumps(images))
    assert len(pickle.dumps(images)) < 1000
    expected = pixels if pixels.ndim == 4 else pixels[..., None].repeat(3, axis=3)
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(copy.load, [i % 6 for i in range(60)]))
    for index, image in enumerate(loaded):
        np.testing.assert_array_equal(np.asarray(image), expected[index % 6])


def test_a_damaged_array_is_named(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    path.write_bytes(b"garbage")
    with pytest.raises(DataError, match=r"images\.npy"):
        ArrayImages(path).load(0)
    np.save(path, np.zeros((2, 2)))
    with pytest.raises(DataError, match="expected uint8"):
        ArrayImages(path).load(0)


def test_file_images(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3), "red").save(tmp_path / "a.png")
    images = pickle.loads(pickle.dumps(FileImages(tmp_path, ("a.png", "b.png"))))
    assert images.load(0).getpixel((1, 1)) == (255, 0, 0)
    with pytest.raises(DataError, match=r"b\.png"):
        images.load(1)
