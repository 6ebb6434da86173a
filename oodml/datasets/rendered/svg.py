"""SVG drawings, from files and from colour fonts, rendered into a frame. Needs ``resvg-py``."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import Image

from oodml.core.errors import OodmlError
from oodml.datasets.rendered.framing import Box, Frame

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_PROBE_PIXELS = 1000
_REFERENCE_TO = re.compile(r"url\(#([^)]+)\)")

ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


class SvgDrawer:
    """Draws the SVG pictures of one style into a frame, in colour on white."""

    def __init__(self, picture: Callable[[str], str | None], frame: Frame, reference: str) -> None:
        """
        Args:
            picture: concept -> SVG text with a square viewBox, or None when the style lacks it.
            frame: where to draw; its ``reference_height`` is that of the concept ``reference``.
            reference: the concept that sets the scale.
        """
        self._picture = picture
        self._frame = frame
        text = picture(reference)
        box = None if text is None else _ink_box(_render(text, _PROBE_PIXELS))
        if box is None:
            raise OodmlError(f"this style has no picture of {reference!r}; reinstall its package")
        self._pixels = _PROBE_PIXELS * frame.fine_reference / (box[3] - box[1])

    def draw(self, concept: str) -> NDArray[np.uint8] | None:
        """uint8 [size, size, 3]; None when the style lacks the concept or draws nothing."""
        text = self._picture(concept)
        if text is None:
            return None
        drawing = _render(text, round(self._pixels))
        box = _ink_box(drawing)
        if box is not None and (excess := self._frame.excess(box)) > 1:
            drawing = _render(text, int(self._pixels / excess * 0.995))
            box = _ink_box(drawing)
        return None if box is None else self._frame.place(drawing, box)


class SvgFont:
    """The pictures in the ``SVG`` table of a colour font, one by one.

    Such a table keeps thousands of pictures in one document with shared parts; each picture is
    taken out with the parts it refers to.
    """

    def __init__(self, path: Path) -> None:
        with TTFont(path, lazy=True) as font:
            if "SVG " not in font:
                raise OodmlError(f"{path}: not a font with SVG pictures; reinstall its package")
            self._glyph_of = {c: font.getGlyphID(n) for c, n in (font.getBestCmap() or {}).items()}
            self._documents = [(d.startGlyphID, d.endGlyphID, d.data) for d in font["SVG "].docList]
            self._ascent, self._descent = font["hhea"].ascent, font["hhea"].descent
            self._advance = font["hhea"].advanceWidthMax
        self._parsed: dict[int, dict[str, Element]] = {}

    def picture(self, character: str) -> str | None:
        """The SVG text of one character, or None when the font has no picture of it."""
        glyph = self._glyph_of.get(ord(character))
        if glyph is None:
            return None
        elements = self._document(glyph)
        name = f"glyph{glyph}"
        if name not in elements:
            return None
        parts = _needed(name, elements)
        # A quarter more than the line height: what a font draws does not reach further.
        line = self._ascent - self._descent
        side = line * 5 // 4
        left, top = (self._advance - side) // 2, -self._ascent - (side - line) // 2
        root = Element(f"{{{_SVG}}}svg", {"viewBox": f"{left} {top} {side} {side}"})
        defs = ElementTree.SubElement(root, f"{{{_SVG}}}defs")
        defs.extend(elements[part] for part in parts if part != name)
        root.append(elements[name])
        return ElementTree.tostring(root, encoding="unicode")

    def _document(self, glyph: int) -> dict[str, Element]:
        """Elements by id of the document that holds ``glyph``; each document is parsed once."""
        for index, (first, last, text) in enumerate(self._documents):
            if first <= glyph <= last:
                if index not in self._parsed:
                    tree = ElementTree.fromstring(text)
                    self._parsed[index] = {
                        e.attrib["id"]: e for e in tree.iter() if "id" in e.attrib
                    }
                return self._parsed[index]
        return {}


def keep_groups(text: str, names: frozenset[str]) -> str:
    """An SVG without the groups at its top level whose ids are not in ``names``."""
    root = ElementTree.fromstring(text)
    for child in list(root):
        if child.tag == f"{{{_SVG}}}g" and child.get("id") not in names:
            root.remove(child)
    return ElementTree.tostring(root, encoding="unicode")


def _render(text: str, pixels: int) -> Image.Image:
    import resvg_py

    # System fonts differ from machine to machine, and these pictures hold no text.
    data = resvg_py.svg_to_bytes(
        svg_string=text, width=pixels, height=pixels, skip_system_fonts=True
    )
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def _ink_box(drawing: Image.Image) -> Box | None:
    # Faint edges would make the box depend on invisible pixels.
    return drawing.getchannel("A").point(lambda alpha: 255 if alpha >= 16 else 0).getbbox()


def _needed(name: str, elements: dict[str, Element]) -> list[str]:
    """``name`` and all ids it refers to, directly or through others, in a fixed order."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found or current not in elements:
            continue
        found[current] = None
        waiting += _references(elements[current])
    return sorted(found)


def _references(element: Element) -> Iterator[str]:
    for part in element.iter():
        for key, value in part.attrib.items():
            if key in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
                yield value[1:]
            else:
                yield from _REFERENCE_TO.findall(value)
