"""Fonts inside installed packages, and characters drawn with them the same way anywhere."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from oodml.core.errors import OodmlError
from oodml.datasets.rendered.framing import Box, Frame

_ITALIC = 1  # bit 0 of OS/2.fsSelection; post.italicAngle is wrong in several fonts
_PROBE_POINTS = 400


def package_folder(distribution: str, module: str, install: str) -> Path:
    """The folder of an installed package, found without importing it.

    Args:
        distribution: its name on PyPI.
        module: its import name (only looked up: importing some font packs pulls in a framework).
        install: the pip requirement that a user without it should install.

    Raises:
        OodmlError: not installed; the message holds the pip command.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise OodmlError(f"package {distribution!r} is not installed; run: pip install {install!r}")
    return Path(next(iter(spec.submodule_search_locations)))


def package_versions(*distributions: str) -> dict[str, str]:
    """Installed versions of packages, by name."""
    return {name: importlib.metadata.version(name) for name in distributions}


def drawing_versions() -> dict[str, str]:
    """Versions of the libraries that turn outlines into pixels."""
    return {
        "pillow": importlib.metadata.version("pillow"),
        "freetype": features.version("freetype2") or "none",
    }


@dataclass(frozen=True)
class FontFile:
    """One font: its family name, and the code points it has a glyph for."""

    path: Path
    family: str
    weight: int
    upright: bool
    glyph_of: dict[int, str]


def read_font(path: Path) -> FontFile:
    """Read names, weight and character map of a TrueType or OpenType file."""
    with _quiet_font_tools(), TTFont(path, lazy=True) as font:
        names = font["name"]
        glyph_of = font.getBestCmap() or {}
        return FontFile(
            path=path,
            family=names.getDebugName(16) or names.getDebugName(1) or path.stem,
            weight=font["OS/2"].usWeightClass,
            upright=not font["OS/2"].fsSelection & _ITALIC,
            glyph_of={code: name for code, name in glyph_of.items() if name != ".notdef"},
        )


@contextmanager
def _quiet_font_tools() -> Iterator[None]:
    """Some icon fonts have a few spare bytes at the end of a table; no user can act on that."""
    logger = logging.getLogger("fontTools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class FontDrawer:
    """Draws single characters of one font into a frame, black on white."""

    def __init__(self, path: Path, frame: Frame, reference: str) -> None:
        """
        Args:
            path: the font file.
            frame: where to draw; its ``reference_height`` is the median height of ``reference``.
            reference: the characters that set the scale.

        Raises:
            OodmlError: the font draws none of them.
        """
        self._path = path
        self._frame = frame
        probe = self._font(_PROBE_POINTS)
        boxes = [probe.getmask(character).getbbox() for character in reference]
        heights = [box[3] - box[1] for box in boxes if box]
        if not heights:
            raise OodmlError(f"{path}: has no glyph for {reference!r}")
        self._points = _PROBE_POINTS * frame.fine_reference / statistics.median(heights)
        self._standard = self._font(self._points)

    def draw(self, character: str) -> NDArray[np.uint8] | None:
        """uint8 [size, size], 0 ink on 255; None when the glyph has no ink."""
        drawing, box, origin = self._draw(self._standard, character)
        if box is not None and (excess := self._frame.excess(box)) > 1:
            smaller = self._font(self._points / excess * 0.995)
            drawing, box, origin = self._draw(smaller, character)
        return None if box is None else self._frame.place(drawing, box, origin)

    def _font(self, points: float) -> ImageFont.FreeTypeFont:
        # The basic layout engine needs no system library, so every machine draws the same.
        return ImageFont.truetype(str(self._path), points, layout_engine=ImageFont.Layout.BASIC)

    def _draw(
        self, font: ImageFont.FreeTypeFont, character: str
    ) -> tuple[Image.Image, Box | None, int]:
        """The character on a wide canvas, its ink's box, and the row of its base line."""
        side = int(4 * font.size)
        canvas = Image.new("L", (side, side))
        ImageDraw.Draw(canvas).text((side // 2, side // 2), character, 255, font, anchor="ls")
        return canvas, canvas.getbbox(), side // 2
