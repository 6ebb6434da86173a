"""Fonts inside installed packages, and characters drawn with them the same way anywhere."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from oodml.core.errors import OodmlError

# Drawn this many times larger and averaged down: hinting at small sizes would distort the shapes
# and differs between fonts that are otherwise the same.
_OVERSAMPLING = 4
_ITALIC = 1  # bit 0 of OS/2.fsSelection; post.italicAngle is wrong in several fonts


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
    with TTFont(path, lazy=True) as font:
        names = font["name"]
        glyph_of = font.getBestCmap() or {}
        return FontFile(
            path=path,
            family=names.getDebugName(16) or names.getDebugName(1) or path.stem,
            weight=font["OS/2"].usWeightClass,
            upright=not font["OS/2"].fsSelection & _ITALIC,
            glyph_of={code: name for code, name in glyph_of.items() if name != ".notdef"},
        )


class Drawer:
    """Draws characters of one font, all to one scale, black on white.

    The scale is set by ``reference`` characters, so that an ``o`` stays smaller than an ``O`` and
    typefaces with large and small bodies agree. A glyph is centred from left to right and stands on
    the base line; one that would not fit is moved, and if need be shrunk, into the frame.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int,
        margin: int,
        reference: str,
        reference_height: int,
        baseline: int | None,
    ) -> None:
        """
        Args:
            path: the font file.
            size: width and height of the images in pixels.
            margin: pixels kept free on each side.
            reference: characters whose height (of the tallest) sets the scale.
            reference_height: that height in pixels.
            baseline: row of the base line; None centres every glyph from top to bottom.
        """
        self._path = path
        self._frame = size * _OVERSAMPLING
        self._margin = margin * _OVERSAMPLING
        self._baseline = None if baseline is None else baseline * _OVERSAMPLING
        probe = self._font(1000)
        ink = [box for c in reference if (box := self._ink(probe, c)[1]) is not None]
        if not ink:
            raise OodmlError(f"{path}: has no glyph for any of {reference!r}")
        height = max(bottom - top for _, top, _, bottom in ink)
        self._points = 1000 * reference_height * _OVERSAMPLING / height
        self._standard = self._font(self._points)

    def draw(self, character: str) -> NDArray[np.uint8] | None:
        """uint8 [size, size], 0 ink on 255; None when the glyph has no ink."""
        canvas, box = self._ink(self._standard, character)
        if box is None:
            return None
        room = self._frame - 2 * self._margin
        too_large = max(box[2] - box[0], box[3] - box[1]) / room
        if too_large > 1:
            canvas, box = self._ink(self._font(self._points / too_large * 0.995), character)
            if box is None:
                return None
        left = (self._frame - (box[2] - box[0])) // 2
        frame = Image.new("L", (self._frame, self._frame))
        frame.paste(canvas.crop(box), (left, self._top(box, canvas.height // 2)))
        return 255 - np.asarray(frame.reduce(_OVERSAMPLING))

    def _top(self, box: tuple[int, int, int, int], origin: int) -> int:
        height = box[3] - box[1]
        if self._baseline is None:
            return (self._frame - height) // 2
        lowest = self._frame - self._margin - height
        return max(self._margin, min(self._baseline + box[1] - origin, lowest))

    def _font(self, points: float) -> ImageFont.FreeTypeFont:
        # The basic layout engine needs no system library, so every machine draws the same.
        return ImageFont.truetype(str(self._path), points, layout_engine=ImageFont.Layout.BASIC)

    def _ink(
        self, font: ImageFont.FreeTypeFont, character: str
    ) -> tuple[Image.Image, tuple[int, int, int, int] | None]:
        """The character drawn with its origin in the middle of a wide canvas, and its ink's box."""
        side = int(4 * font.size)
        canvas = Image.new("L", (side, side))
        ImageDraw.Draw(canvas).text((side // 2, side // 2), character, 255, font, anchor="ls")
        return canvas, canvas.getbbox()


def distinct_drawings(stacks: Sequence[NDArray[np.uint8]], threshold: float) -> list[int]:
    """Greedily keep the stacks that differ from every kept one; earlier ones win.

    Args:
        stacks: images of the same characters by different fonts, each uint8 [n, H, W], 0 is ink.
        threshold: least difference, see ``relative_difference``.
    """
    kept: list[int] = []
    for index, stack in enumerate(stacks):
        if all(relative_difference(stack, stacks[other]) >= threshold for other in kept):
            kept.append(index)
    return kept


def relative_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Share of the ink of two drawings that they do not have in common: 0 same, 1 disjoint.

    sum |a - b| / (sum a + sum b) with ink counted from white (255) down; whole numbers, so the
    result is the same on every machine.
    """
    total = ink(a) + ink(b)
    apart = int(np.abs(a.astype(np.int16) - b).sum(dtype=np.int64))
    return apart / total if total else 0.0


def ink(image: NDArray[np.uint8]) -> int:
    """Total darkness of an image: the sum of 255 - pixel."""
    return 255 * image.size - int(image.sum(dtype=np.int64))
