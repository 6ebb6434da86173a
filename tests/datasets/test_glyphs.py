"""The built-in glyphs: fixed content, no copies, homoglyphs merged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oodml.datasets import ClassDataset, load_dataset
from oodml.datasets.rendered import glyphs
from oodml.datasets.rendered.fonts import drawing_versions, package_versions

VERSIONS = {"freetype": "2.14.3", "pillow": "13.0.0", "pretix-fontpack-free": "1.11.2"}
FINGERPRINT = "c9f293562616ecf140148817d86fea74c978465058528b4008fc9174863aa45d"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassDataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OODML_HOME", str(tmp_path_factory.mktemp("home")))
        yield load_dataset("glyphs")


def test_fixed_fingerprint(dataset: ClassDataset) -> None:
    installed = package_versions("pretix-fontpack-free") | drawing_versions()
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
    letters = list("AaBcegÅΩЖяΑО")
    monkeypatch.setattr(glyphs, "_common_letters", lambda fonts: sorted(letters))
    fingerprints = set()
    for home in ("one", "two"):
        monkeypatch.setenv("OODML_HOME", str(tmp_path / home))
        fingerprints.add(load_dataset("glyphs").fingerprint)
    assert len(fingerprints) == 1
