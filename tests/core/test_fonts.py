"""Scripts that matplotlib's font lacks: drawn by a font of the machine, or said to be boxes."""

from __future__ import annotations

import io
import warnings

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from oodml.core import figures, fonts
from oodml.core.figures import write_figure


@pytest.fixture
def fresh(monkeypatch):
    """A font list of the test's own, and nothing remembered from others."""
    manager = font_manager.fontManager
    monkeypatch.setattr(manager, "ttflist", list(manager.ttflist))
    fonts.families_for.cache_clear()
    figures._say_once.cache_clear()
    yield manager
    fonts.families_for.cache_clear()


def font_with(path, characters):
    builder = FontBuilder(1000, isTTF=True)
    names = [f"g{ord(one):x}" for one in characters]
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap({ord(c): name for c, name in zip(characters, names, strict=True)})
    pen = TTGlyphPen(None)
    for place, point in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if place else pen.moveTo)(point)
    pen.closePath()
    glyph = pen.glyph()
    builder.setupGlyf(dict.fromkeys([".notdef", *names], glyph))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Tests Tangut", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800)
    builder.setupPost()
    builder.save(path)


def figure_of(text):
    figure = Figure(figsize=(2, 1))
    figure.text(0.1, 0.5, text)
    return figure


def png(text):
    stream = io.BytesIO()
    write_figure(figure_of(text), stream, "png", dpi=40)
    return stream.getvalue()


TANGUT = "\U00017000\U00017001"  # in no usual font


def test_a_box_is_said_once(fresh):
    with pytest.warns(UserWarning, match=f"no font of this machine has {TANGUT}") as caught:
        png(f"a {TANGUT} b")
    assert len(caught) == 1
    assert "install Noto Sans" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png(f"c {TANGUT}")


def test_the_machine_s_fonts_are_used(fresh, tmp_path):
    font_with(tmp_path / "tangut.ttf", TANGUT)
    fresh.addfont(tmp_path / "tangut.ttf")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = png(f"a {TANGUT} b")
    families, missing = fonts.families_for("".join(sorted(set(TANGUT + "ab"))))
    assert families == ("DejaVu Sans", "Tests Tangut")
    assert not missing
    assert drawn != png("a  b")


def test_a_font_that_was_installed_later_is_found(fresh, tmp_path, monkeypatch):
    font_with(tmp_path / "tangut.ttf", TANGUT)
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    paths = [str(tmp_path / name) for name in ("broken.ttf", "tangut.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: paths)
    assert fonts.families_for(TANGUT) == (("DejaVu Sans", "Tests Tangut"), "")


def test_latin_text_keeps_its_font(fresh):
    assert fonts.families_for("aé✕Ω") == (("DejaVu Sans",), "")
    assert fonts.families_for("\u200d\ufe0f \n") == (("DejaVu Sans",), ""), "what has no glyph"
    assert "cjk" in fonts.package_hint("漢")
    assert "symbola" in fonts.package_hint("😀")
