"""Archives and images, damaged at random: added as they were, or refused with a reason.

A few rounds here; ``OODML_TEST_ROUNDS=300`` goes through 300 of each sort.
"""

from __future__ import annotations

import faulthandler
import hashlib
import io
import json
import random
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rounds import rounds

from oodml.cli import run_command
from oodml.core.errors import DataError
from oodml.datasets.images import MAX_PIXELS, decode_image
from oodml.features.preprocessing import Preprocessing

pytestmark = pytest.mark.usefixtures("oodml_home", "_no_hang")

ENDINGS = ("png", "jpg", "gif", "webp", "bmp", "tif", "avif", "ppm", "jp2")
CLASSES = ("cat", "dog", "eel", "fox")
_SECONDS = 300


@pytest.fixture
def _no_hang() -> Iterator[None]:
    """A hang ends the test run, with every thread's stack."""
    faulthandler.dump_traceback_later(_SECONDS * max(1, rounds(20) // 50), exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def picture(ending: str, seed: int) -> bytes:
    """A small smooth image with a little noise, as a file."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(24), np.arange(20))[..., None] * rng.uniform(1, 5, 3)
    pixels = (ramp + rng.integers(0, 9, (24, 20, 3))).astype(np.uint8)
    image = Image.fromarray(pixels)
    names = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000", "ppm": "PPM"}
    file = io.BytesIO()
    more = {"exif": exif()} if ending in ("jpg", "png", "webp") else {}
    image.save(file, names.get(ending, ending.upper()), **more)
    return file.getvalue()


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = 1
    found[0x010E] = "a description"
    return found


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    return {
        f"pets/{name}/{number:02d}.{ENDINGS[(place * 4 + number) % len(ENDINGS)]}": picture(
            ENDINGS[(place * 4 + number) % len(ENDINGS)], place * 4 + number
        )
        for place, name in enumerate(CLASSES)
        for number in range(4)
    }


def packed(form: str, files: list[tuple[str, bytes]]) -> bytes:
    """An archive: ``tar``, ``gz``, ``bz2``, ``xz``, ``zip`` or ``stored``."""
    file = io.BytesIO()
    if form in ("zip", "stored"):
        how = zipfile.ZIP_DEFLATED if form == "zip" else zipfile.ZIP_STORED
        with zipfile.ZipFile(file, "w", how) as opened:
            for name, data in files:
                opened.writestr(zipfile.ZipInfo(name), data, how)
    else:
        mode = "w:" + form.removeprefix("tar")
        with tarfile.open(fileobj=file, mode=mode) as tar:  # type: ignore[call-overload]
            for name, data in files:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bits turned, a piece cut off, taken out, zeroed, doubled, exchanged, or the head spoiled."""
    spoiled = bytearray(data)
    place = rng.randrange(len(data))
    length = min(len(data) - place, rng.choice((1, 2, 4, 16, 512, 4096)))
    how = rng.randrange(8)
    if how in (0, 1):
        for _ in range(rng.choice((1, 1, 2, 8, 64))):
            spoiled[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif how == 2:
        del spoiled[place:]
    elif how == 3:
        del spoiled[place : place + length]
    elif how == 4:
        spoiled[place : place + length] = bytes(length)
    elif how == 5:
        spoiled[place:place] = spoiled[place : place + length]
    elif how == 6:
        spoiled[place : place + length] = rng.randbytes(length)
    else:
        for _ in range(rng.choice((1, 4))):
            spoiled[rng.randrange(min(64, len(data)))] = rng.randrange(256)
    return bytes(spoiled)


TRICKS = (
    *("../{0}", "/{0}", "{0}/", "./{0}", "pets//{1}", "pets/./{1}", "pets/../{0}", "C:{0}", "{1}"),
    *("{0}\0.png", "pets\\{1}", "{0}.txt", "pets/.{1}", "pets/cat/.{1}", "deep/deep/{0}", "-rf"),
    *("", ".", "..", "pets", "pets/cat", "pets/cat/00.png", "pets/CAT/{1}", "pets/ cat/{1}"),
    *("pets/cat/\u00e9{1}", "pets/cat/e\u0301{1}", "pets/cat/new\nline.png", "pets/cat/\x07.png"),
    *("x" * 300 + ".png", "/".join("d" * 100) + "/{1}", "pets/__MACOSX/{1}", "pets/cat/{1}.PNG"),
    *("pets/cat/con.png", "~/{1}", "$HOME/{1}", "pets/cat/[b]{1}.png"),
)


def renamed(files: list[tuple[str, bytes]], rng: random.Random) -> list[tuple[str, bytes]]:
    changed = list(files)
    for _ in range(rng.choice((1, 1, 2))):
        number = rng.randrange(len(files))
        name, data = files[number]
        changed[number] = (rng.choice(TRICKS).format(name, Path(name).name), data)
    return changed


def added(
    arguments: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any] | str:
    """The record of what was added, or why not."""
    add = ["data", "add", "x", "--kind", "image-folder", "--overwrite", "always", *arguments]
    capsys.readouterr()
    code = run_command(add)
    error = capsys.readouterr().err
    assert "Traceback" not in error
    if code == 0:
        record: dict[str, Any] = json.loads((home / "data/x/source.json").read_text())
        assert run_command(["data", "remove", "x", "--yes"]) == 0
        return record["contents"]
    assert code == 1
    assert list((home / "data").iterdir()) == []
    message = error[error.index("oodml: ") :]
    assert str(home) not in message.replace(arguments[-1], "")
    assert arguments[-1] in message
    assert len(message) > len(f"oodml: {arguments[-1]}: ")
    return message


def hashes_of(contents: dict[str, Any]) -> dict[str, str]:
    files = [row[3] for row in contents["files"]]
    return dict(zip(contents["image_ids"], files, strict=True))


FORMS = ("tar", "gz", "bz2", "xz", "zip", "stored")


@pytest.mark.filterwarnings("ignore")
def test_damaged_archives(
    members: dict[str, bytes], tmp_path: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(10)
    files = list(members.items())
    whole = {name.removeprefix("pets/"): hashlib.sha256(data).hexdigest() for name, data in files}
    endings = Counter[str]()
    (oodml_home / "data").mkdir(parents=True)
    for number in range(rounds(24)):
        form = FORMS[number % len(FORMS)]
        archive = tmp_path / f"pets-{number}"
        archive.write_bytes(damaged(packed(form, files), rng))
        found = added(["--archive", str(archive)], oodml_home, capsys)
        if isinstance(found, str):
            endings["refused"] += 1
        elif hashes_of(found) == whole:
            endings["the same"] += 1  # padding, dates, owners
        else:
            # A plain tar has no checksum over its content, so a picture may come out changed as
            # long as it can be decoded; never another number, or under another name.
            assert form == "tar", f"round {number}: {form}"
            assert hashes_of(found).keys() == whole.keys()
            endings["a picture changed inside a plain tar"] += 1
        archive.unlink()
    assert endings["refused"] > rounds(24) / 2
    with capsys.disabled():
        print(f"\ndamaged archives: {dict(endings)}")


@pytest.mark.filterwarnings("ignore")
def test_renamed_members(
    members: dict[str, bytes], tmp_path: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(11)
    endings = Counter[str]()
    (oodml_home / "data").mkdir(parents=True)
    for number in range(rounds(24)):
        files = renamed(list(members.items()), rng)
        archive = tmp_path / f"pets-{number}"
        archive.write_bytes(packed(FORMS[number % len(FORMS)], files))
        found = added(["--archive", str(archive)], oodml_home, capsys)
        if isinstance(found, str):
            endings["refused"] += 1
        elif found["images"] == len(members):
            expected = sorted(hashlib.sha256(data).hexdigest() for data in members.values())
            assert sorted(hashes_of(found).values()) == expected
            endings["all there under its new name"] += 1
        else:
            missing = len(members) - found["images"]
            assert any(
                note.startswith(f"{missing} files are no images and were left out")
                for note in found["notes"]
            ), ([name for name, _ in files if name not in members], found["notes"])
            endings["said to be left out"] += 1
        archive.unlink()
    # nothing was written anywhere else
    assert [path.name for path in tmp_path.iterdir()] == [oodml_home.name]
    assert not Path("/pets").exists()
    with capsys.disabled():
        print(f"\nrenamed members: {dict(endings)}")


def decoded(path: Path) -> Image.Image | str:
    """The image, or why there is none."""
    try:
        return decode_image(path)
    except DataError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore")
def test_damaged_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(12)
    view = Preprocessing(32, 36, "bicubic", (0.5,) * 3, (0.5,) * 3).evaluation_view
    endings = Counter[str]()
    for number in range(rounds(60)):
        ending = ENDINGS[number % len(ENDINGS)]
        path = tmp_path / f"{number}.{ending}"
        path.write_bytes(damaged(picture(ending, number), rng))
        image = decoded(path)
        if isinstance(image, str):
            assert image.startswith(f"{path}: ")
            endings["refused"] += 1
        else:
            assert image.mode == "RGB"
            assert image.width * image.height <= MAX_PIXELS
            assert np.isfinite(view(image)).all()
            endings["an image"] += 1
        path.unlink()
    assert endings["refused"] > rounds(60) / 5
    with capsys.disabled():
        print(f"\ndamaged images: {dict(endings)}")


@pytest.mark.filterwarnings("ignore")
def test_a_folder_with_a_damaged_image(
    members: dict[str, bytes], tmp_path: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(13)
    endings = Counter[str]()
    folder = tmp_path / "pets"
    (oodml_home / "data").mkdir(parents=True)
    for name, data in members.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for _ in range(rounds(12)):
        name = rng.choice(list(members))
        (tmp_path / name).write_bytes(damaged(members[name], rng))
        found = added(["--dir", str(folder)], oodml_home, capsys)
        if isinstance(found, str):
            assert name.removeprefix("pets/") in found
            endings["refused"] += 1
        else:
            assert found["images"] == len(members)
            endings["an image"] += 1
        (tmp_path / name).write_bytes(members[name])
    with capsys.disabled():
        print(f"\nfolders with a damaged image: {dict(endings)}")
