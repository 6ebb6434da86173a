"""Drawings keep their scale, stand where they should and never touch the edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oodml.datasets.rendered.fonts import FontDrawer, read_font
from oodml.datasets.rendered.framing import Frame
from oodml.datasets.rendered.glyphs import TYPEFACES


def ink_box(image: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(image.min(axis=2) < 128 if image.ndim == 3 else image < 128)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_centred_without_a_base_line() -> None:
    frame = Frame(size=20, margin=2, reference_height=10, oversampling=2)
    drawing = Image.new("L", (100, 100))
    drawing.paste(255, (30, 50, 42, 70))
    image = frame.place(drawing, (30, 50, 42, 70))
    assert image.shape == (20, 20)
    assert ink_box(image) == (7, 5, 13, 15)
    assert set(np.unique(image)) == {0, 255}


def test_on_the_base_line_and_inside_the_margin() -> None:
    frame = Frame(size=20, margin=2, reference_height=10, baseline=14, oversampling=2)
    drawing = Image.new("L", (100, 100), 255)
    # Ends four fine rows below its origin: two rows below row 14.
    assert ink_box(frame.place(drawing, (0, 40, 12, 54), origin=50)) == (7, 9, 13, 16)
    # Would reach below the margin: moved up.
    assert ink_box(frame.place(drawing, (0, 50, 10, 70), origin=50))[3] == 18
    assert ink_box(frame.place(drawing, (0, 0, 10, 20), origin=100))[1] == 2


def test_colour_on_white() -> None:
    frame = Frame(size=8, margin=1, reference_height=4, oversampling=1)
    drawing = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    drawing.paste((255, 0, 0, 128), (0, 0, 4, 4))
    image = frame.place(drawing, (0, 0, 4, 4))
    assert image.shape == (8, 8, 3)
    assert tuple(image[0, 0]) == (255, 255, 255)
    assert tuple(image[4, 4]) == (255, 127, 127)


@pytest.mark.parametrize("name", ["roboto", "oswald"])
def test_letters_share_scale_and_base_line(name: str) -> None:
    frame = Frame(size=96, margin=4, reference_height=46, baseline=74)
    drawer = FontDrawer(TYPEFACES / f"{name}.ttf", frame, "H")
    boxes = {}
    for letter in "HoxẢWg":
        image = drawer.draw(letter)
        assert image is not None
        boxes[letter] = ink_box(image)
    assert boxes["H"][3] - boxes["H"][1] == pytest.approx(46, abs=1)
    assert boxes["H"][3] == pytest.approx(74, abs=1)
    assert boxes["x"][3] == pytest.approx(74, abs=1)
    assert boxes["x"][1] > boxes["H"][1] + 5
    assert boxes["g"][3] > 76
    for left, top, right, bottom in boxes.values():
        assert min(left, top) >= 4
        assert max(right, bottom) <= 92
        assert abs((left + right) - 96) <= 2


def test_what_has_no_ink_is_none() -> None:
    frame = Frame(size=32, margin=2, reference_height=16)
    path = TYPEFACES / "roboto.ttf"
    assert FontDrawer(path, frame, "H").draw(" ") is None


def test_a_glyph_too_large_is_shrunk() -> None:
    frame = Frame(size=40, margin=3, reference_height=33)
    image = FontDrawer(TYPEFACES / "roboto.ttf", frame, "H").draw("W")
    assert image is not None
    left, _, right, _ = ink_box(image)
    assert left >= 3
    assert right <= 37
    assert right - left >= 32


def test_read_font() -> None:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = read_font(folder / "DejaVuSans-Oblique.ttf")
    assert (font.family, font.weight, font.upright) == ("DejaVu Sans", 400, False)
    assert ord("A") in font.glyph_of
