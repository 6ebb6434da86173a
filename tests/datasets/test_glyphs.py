"""The built-in glyphs: fixed content, no copies, homoglyphs merged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from oodml.datasets import ClassDataset, load_dataset
from oodml.datasets.rendered import glyphs
from oodml.datasets.rendered.fonts import FontDrawer, drawing_versions, package_folder, read_font

VERSIONS = {"freetype": "2.14.3", "pillow": "13.0.0"}
FINGERPRINT = "c9f293562616ecf140148817d86fea74c978465058528b4008fc9174863aa45d"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassDataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OODML_HOME", str(tmp_path_factory.mktemp("home")))
        yield load_dataset("glyphs")


def test_fixed_fingerprint(dataset: ClassDataset) -> None:
    installed = drawing_versions()
    if installed != VERSIONS:
        pytest.skip(f"the fingerprint is recorded for {VERSIONS}, installed are {installed}")
    assert dataset.fingerprint == FINGERPRINT
    assert (len(dataset), len(dataset.class_names)) == (6948, 463)


def test_shape_of_the_set(dataset: ClassDataset) -> None:
    assert 400 <= len(dataset.class_names) <= 500
    assert np.bincount(dataset.labels).min() >= 5
    assert dataset.superclass_of is not None
    assert {"Latin", "Greek", "Cyrillic"} <= set(dataset.superclass_of.values())
    assert dataset.default_split is not None
    train, test = dataset.default_split
    assert abs(len(train) - len(test)) <= 1
    assert set(train) | set(test) == set(dataset.class_names)
    assert "latin-small-letter-a" in train
    assert "cyrillic-small-letter-ya" in test
    pairs = list(zip(dataset.image_classes, dataset.image_ids, strict=True))
    assert pairs == sorted(pairs)
    assert "latin-small-letter-a/Roboto" in dataset.image_ids


def test_homoglyphs_are_one_class(dataset: ClassDataset) -> None:
    names = set(dataset.class_names)
    for gone in (
        "greek-capital-letter-alpha",
        "cyrillic-capital-letter-a",
        "cyrillic-small-letter-o",
        "ohm-sign",
        "micro-sign",
        "latin-capital-letter-d-with-stroke",  # drawn as eth is
    ):
        assert gone not in names
    for there in ("latin-capital-letter-a", "greek-small-letter-mu", "greek-capital-letter-omega"):
        assert there in names
    # Size and diacritics still tell letters apart.
    for there in (
        "latin-small-letter-c",
        "latin-capital-letter-c",
        "latin-small-letter-g-with-breve",
    ):
        assert there in names


def test_typefaces_are_no_copies(dataset: ClassDataset) -> None:
    typefaces = {image_id.split("/")[1] for image_id in dataset.image_ids}
    assert len(typefaces) == 19
    assert {"Roboto", "Noto-Sans", "Lato", "Vollkorn"} <= typefaces
    assert sum(name.startswith("Noto-Sans") for name in typefaces) == 2  # and the one for Chinese


def test_images_are_black_on_white_and_stand_once(dataset: ClassDataset) -> None:
    pixels = np.stack([np.asarray(dataset.load_image(i)) for i in range(len(dataset))])
    assert pixels.shape[1:] == (96, 96, 3)
    assert (pixels == pixels[..., :1]).all()
    grey = pixels[..., 0]
    assert grey.reshape(len(grey), -1).min(axis=1).max() < 100  # every image has ink
    edge = np.concatenate([grey[:, :4].ravel(), grey[:, -4:].ravel(), grey[:, :, :4].ravel()])
    assert edge.min() > 200
    assert len({image.tobytes() for image in grey}) == len(grey)


def test_rendering_twice_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = json.loads((glyphs.TYPEFACES / "typefaces.json").read_text(encoding="utf-8"))
    few = tmp_path / "typefaces"
    shutil.copytree(glyphs.TYPEFACES, few)
    table["letters"] = "".join(letter for letter in table["letters"] if letter in "AaBcegÅΩЖяΑО")
    (few / "typefaces.json").write_text(json.dumps(table), encoding="utf-8")
    monkeypatch.setattr(glyphs, "TYPEFACES", few)
    fingerprints = set()
    for home in ("one", "two"):
        monkeypatch.setenv("OODML_HOME", str(tmp_path / home))
        fingerprints.add(load_dataset("glyphs").fingerprint)
    assert len(fingerprints) == 1


def test_each_font_says_where_it_comes_from() -> None:
    table = json.loads((glyphs.TYPEFACES / "typefaces.json").read_text(encoding="utf-8"))
    rows = table["typefaces"]
    files = sorted(path.name for path in glyphs.TYPEFACES.glob("*.ttf"))
    assert sorted(row["file"] for row in rows) == files
    for row in rows:
        assert row["copyright"]
        assert (glyphs.TYPEFACES / row["licence"]).is_file()
        # a reserved name may not stand in a changed font
        inside = read_font(glyphs.TYPEFACES / row["file"]).family
        assert inside.startswith(("oodml glyphs ", "Ubuntu derivative "))


def test_the_fonts_are_cut_from_the_pack_as_written() -> None:
    """Where the pack is installed: every letter is drawn as by the whole font."""
    if find_spec("pretix_fontpackfree") is None:
        pytest.skip("needs: pip install pretix-fontpack-free==1.11.2")
    pack = package_folder("pretix-fontpack-free", "pretix_fontpackfree", "pretix-fontpack-free")
    if version("pretix-fontpack-free") != "1.11.2":
        pytest.skip("the fonts are cut from pretix-fontpack-free 1.11.2")
    table = json.loads((glyphs.TYPEFACES / "typefaces.json").read_text(encoding="utf-8"))
    for row in table["typefaces"]:
        whole = read_font(next(pack.rglob(row["cut_from"])))
        ours = read_font(glyphs.TYPEFACES / row["file"])
        shared = [letter for letter in table["letters"][::9] if ord(letter) in whole.glyph_of]
        drawers = [FontDrawer(font.path, glyphs.FRAME, glyphs.REFERENCE) for font in (whole, ours)]
        for letter in shared:
            first, second = (drawer.draw(letter) for drawer in drawers)
            np.testing.assert_array_equal(first, second, f"{row['family']} {letter}")
