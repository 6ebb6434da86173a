"""Files that are none, pictures that are bombs, and folders that lead in circles."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import layouts
import numpy as np
import pytest
from PIL import Image

from oodml.cli import run_command
from oodml.core.errors import DataError, OodmlError, UsageError
from oodml.core.files import read_json
from oodml.core.regular_files import check_regular_file
from oodml.datasets import images, load_dataset
from oodml.datasets.added import Handed, add_dataset
from oodml.datasets.images import MAX_PIXELS, decode_image, is_image_name

pytestmark = pytest.mark.usefixtures("oodml_home")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def socket_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        # the path of a socket may be 107 bytes long
        here = Path.cwd()
        os.chdir(path.parent)
        opened.bind(path.name)
        os.chdir(here)


def circle(path: Path) -> None:
    path.symlink_to(path)


def folder(path: Path) -> None:
    path.mkdir()


IRREGULAR: dict[Callable[[Path], None], str] = {
    pipe: "a named pipe, expected a regular file",
    device: "a device, expected a regular file",
    socket_file: "a socket, expected a regular file",
    circle: "cannot be read",
    folder: "a folder, expected a regular file",
}


@pytest.mark.parametrize("make", IRREGULAR)
def test_only_regular_files_are_read(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a user may name; each of these would hang, or never end."""
    path = tmp_path / "p.png"
    make(path)
    with pytest.raises(UsageError, match=IRREGULAR[make]):
        check_regular_file(path, "--table", UsageError)
    with pytest.raises(DataError, match=IRREGULAR[make]):
        decode_image(path)
    with pytest.raises(OodmlError, match=IRREGULAR[make]):
        read_json(path)
    for option, kind in (("--archive", "image-folder"), ("--table", "vectors")):
        assert run_command(["data", "add", "x", "--kind", kind, option, str(path)]) == 2
        assert f"{option} {path}: {IRREGULAR[make]}" in capsys.readouterr().err


@pytest.mark.parametrize("make", [make for make in IRREGULAR if make is not folder])
@pytest.mark.parametrize("decode", [True, False])
def test_only_regular_files_are_images(
    tmp_path: Path, make: Callable[[Path], None], decode: bool
) -> None:
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    make(pets / "cat" / "p.png")
    with pytest.raises(
        DataError, match=f"1 of 5 files cannot be used:\n  cat/p.png: {IRREGULAR[make]}"
    ):
        add_dataset("pets", "image-folder", Handed(folder=pets), decode=decode)


def test_a_file_that_became_a_pipe_is_told(tmp_path: Path) -> None:
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    dataset = add_dataset("pets", "image-folder", Handed(folder=pets))
    (pets / "cat" / "00.png").unlink()
    pipe(pets / "cat" / "00.png")
    with pytest.raises(DataError, match="a named pipe"):
        dataset.load_image(0)
    with pytest.raises(DataError, match=r"cat/00\.png"):
        load_dataset("pets")


def test_a_table_of_an_official_layout_may_be_no_pipe(tmp_path: Path) -> None:
    root = layouts.cub(tmp_path / "cub", {"001.Wren": 2, "101.Crow": 2})
    (root / "classes.txt").unlink()
    pipe(root / "classes.txt")
    with pytest.raises(DataError, match=r"classes\.txt: a named pipe"):
        add_dataset("cub200", None, Handed(folder=root))


def test_folders_that_lead_in_circles_are_refused(tmp_path: Path) -> None:
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    for number in range(8):
        (pets / "cat" / f"again{number}").symlink_to(pets)
    with pytest.raises(DataError, match="again0: a link back to a folder above it"):
        add_dataset("pets", "image-folder", Handed(folder=pets))


def test_a_folder_with_the_name_of_an_image_is_a_folder(tmp_path: Path) -> None:
    pets = layouts.image_folder(tmp_path / "birds.jpg", {"cat.png": 2, "dog.png": 2})
    wrapped = layouts.zipped(pets, tmp_path / "pets.zip")
    dataset = add_dataset("pets", "image-folder", Handed(archives=(wrapped,)))
    assert dataset.class_names == ("cat.png", "dog.png")


def test_what_is_hidden_is_told(tmp_path: Path, oodml_home: Path) -> None:
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2, ".eel": 2})
    layouts.write_image(pets / "cat" / ".hidden.png", 1)
    (pets / "cat" / "._00.png").write_bytes(b"macOS leaves these")
    add_dataset("pets", "image-folder", Handed(folder=pets))
    record = json.loads((oodml_home / "data/pets/source.json").read_text())
    expected = "2 files are no images and were left out: .eel/, cat/.hidden.png"
    assert record["contents"]["notes"] == [expected]


def test_a_strip_is_refused_by_its_pixels_or_used(tmp_path: Path) -> None:
    """1 x 60,000 pixels are few; resizing their short side made 4,000,000,000 of them."""
    from oodml.features.preprocessing import Preprocessing

    view = Preprocessing(224, 256, "bicubic", (0.5,) * 3, (0.5,) * 3).evaluation_view
    for size in ((1, 60_000), (60_000, 1), (2, 100), (1, 1)):
        Image.new("RGB", size, (255, 0, 51)).save(tmp_path / "strip.png")
        rows = view(decode_image(tmp_path / "strip.png"))
        assert rows.shape == (3, 224, 224)
        np.testing.assert_allclose(rows[:, 0, 0], [1, -1, -0.6], atol=1e-6)
        assert np.ptp(rows, axis=(1, 2)).max() == 0


@pytest.mark.parametrize("size", [(6, 300), (300, 6), (40, 2001)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_strip_is_seen_as_a_whole_resize_shows_it(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], interpolation: str
) -> None:
    from oodml.features import preprocessing

    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    smooth = 127 + 90 * np.sin(x / 9 + np.array([0, 1, 2])[:, None, None]) * np.cos(y / 9)
    image = Image.fromarray(smooth.transpose(1, 2, 0).astype(np.uint8))
    steps = preprocessing.Preprocessing(64, 72, interpolation, (0.0,) * 3, (1.0,) * 3)
    whole = steps.evaluation_view(image)
    monkeypatch.setattr(preprocessing, "_MOST_RESIZED_PIXELS", 0)
    part = steps.evaluation_view(image)
    assert np.ptp(whole) > 0.25
    # Pillow may take its two passes in another order, each of which rounds
    np.testing.assert_allclose(part, whole, atol=2.5 / 255)


def declared(width: int, height: int) -> bytes:
    """A small PNG whose header declares another size."""
    import struct
    import zlib

    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "PNG")
    data = bytearray(file.getvalue())
    struct.pack_into(">II", data, 16, width, height)
    struct.pack_into(">I", data, 29, zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_000, 10_000), (2**31 - 1, 2**31 - 1), (MAX_PIXELS + 1, 1)])
def test_huge_declared_sizes_are_refused_when_added_and_when_loaded(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    (pets / "cat" / "00.png").write_bytes(declared(*size))
    with pytest.raises(DataError, match=r"cat/00\.png: .*pixels"):
        add_dataset("pets", "image-folder", Handed(folder=pets))
    dataset = add_dataset("pets", "image-folder", Handed(folder=pets), decode=False)
    with pytest.raises(DataError, match=r"cat/00\.png: .*pixels"):
        dataset.load_image(0)


def test_a_declared_size_without_the_pixels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(declared(3000, 3000))
    with pytest.raises(DataError, match=r"a\.png: not a readable image"):
        decode_image(tmp_path / "a.png")


def test_large_images_are_decoded_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(images, "_LARGE", 10)
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    at_work: list[int] = []
    seen: list[int] = []
    convert = images.to_rgb

    def counting(image: Image.Image) -> Image.Image:
        at_work.append(1)
        seen.append(len(at_work))
        done = convert(image)
        at_work.pop()
        return done

    monkeypatch.setattr(images, "to_rgb", counting)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode_image, [tmp_path / "a.png"] * 40))
    assert max(seen) == 1


@pytest.mark.parametrize(
    "name",
    [
        "a.jfif",
        "a.jpe",
        "a.AVIF",
        "a.webp",
        "a.TIF",
        "a.tiff",
        "a.bmp",
        "a.GIF",
        "a.JPG",
        "a.pbm",
        "a.jp2",
        "a.dib",
        "a.apng",
    ],
)
def test_endings_that_are_images(tmp_path: Path, name: str) -> None:
    formats = {".jfif": "JPEG", ".pbm": "PPM"}
    path = tmp_path / name
    Image.new("RGB", (8, 8), "white").convert("1" if name == "a.pbm" else "RGB").save(
        path, formats.get(path.suffix)
    )
    assert is_image_name(name)
    assert decode_image(path).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["a.eps", "a.pdf", "a.psd", "a.svg", "a.fits", "a.npy"])
def test_endings_that_are_none(name: str) -> None:
    assert not is_image_name(name)


def test_content_that_needs_an_interpreter_is_no_image(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match="no format that is read here"):
        decode_image(tmp_path / "a.png")


def test_a_format_this_pillow_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.avif").write_bytes(b"no picture")
    monkeypatch.setattr(images.features, "check", lambda name: False)
    with pytest.raises(DataError, match="this Pillow reads no AVIF"):
        decode_image(tmp_path / "a.avif")


def test_pixels_without_a_meaning_are_refused(tmp_path: Path) -> None:
    for number, pixels in enumerate(
        (np.full((4, 4), 0.5, np.float32), np.full((4, 4), 70_000, np.int32))
    ):
        Image.fromarray(pixels).save(tmp_path / f"{number}.tif")
        with pytest.raises(DataError, match="save it with 8 or 16 bits"):
            decode_image(tmp_path / f"{number}.tif")


def test_colours_of_print_are_read(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red, green, blue = decode_image(tmp_path / "a.jpg").getpixel((1, 1))  # type: ignore[misc]
    assert red > 250
    assert max(green, blue) < 5


def test_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGB", (2, 1), (10, 20, 30))
    picture.putpixel((1, 0), (1, 2, 3))
    picture.save(tmp_path / "a.png", transparency=(10, 20, 30))
    decoded = decode_image(tmp_path / "a.png")
    assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (1, 2, 3)]


def test_what_a_viewer_shows_otherwise_is_noted(tmp_path: Path, oodml_home: Path) -> None:
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    frames = [Image.new("RGB", (8, 4), colour) for colour in ("red", "blue")]
    frames[0].save(pets / "cat" / "moves.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    frames[0].save(pets / "dog" / "turned.jpg", exif=exif)
    dataset = add_dataset("pets", "image-folder", Handed(folder=pets))
    place = dataset.image_ids.index
    assert dataset.load_image(place("cat/moves.gif")).getpixel((1, 1)) == (255, 0, 0)
    assert dataset.load_image(place("dog/turned.jpg")).size == (8, 4)
    record = json.loads((oodml_home / "data/pets/source.json").read_text())
    assert record["contents"]["notes"] == [
        "1 images hold several pictures; the first is used: cat/moves.gif",
        "1 images have an EXIF rotation flag, which is not applied: dog/turned.jpg",
    ]


def test_errors_speak_of_the_archive(tmp_path: Path, oodml_home: Path) -> None:
    """Where it was unpacked is deleted by the time they are read."""
    pets = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    (pets / "cat" / "00.png").write_bytes(b"torn")
    archives = [
        layouts.zipped(pets, tmp_path / "pets.zip"),
        layouts.tarred(pets, tmp_path / "pets.tgz"),
    ]
    (tmp_path / "empty").mkdir()
    archives.append(layouts.zipped(tmp_path / "empty", tmp_path / "empty.zip"))
    for archive in archives:
        for kind in ("image-folder", "omniglot", "cub200"):
            name = "x" if kind == "image-folder" else kind
            with pytest.raises(DataError) as caught:
                add_dataset(name, kind, Handed(archives=(archive,)))
            assert str(archive) in str(caught.value)
            assert str(oodml_home) not in str(caught.value)
    with pytest.raises(DataError) as caught:
        add_dataset("omniglot", None, Handed(archives=(archives[0], archives[1])))
    assert f"{archives[0]} and {archives[1]}: no drawings found" in str(caught.value)
