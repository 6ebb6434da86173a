"""``glyphs``: letters of many typefaces, rendered from open fonts that pip installs."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fontTools import unicodedata as scripts

from oodml.core.errors import OodmlError
from oodml.core.progress import track
from oodml.datasets.base import ClassDataset, DatasetCard
from oodml.datasets.registry import register_dataset
from oodml.datasets.rendered.fonts import (
    FontDrawer,
    FontFile,
    drawing_versions,
    package_folder,
    package_versions,
    read_font,
)
from oodml.datasets.rendered.framing import Frame
from oodml.datasets.rendered.lookalikes import (
    Drawing,
    class_drawings,
    distinct_styles,
    merge_lookalikes,
)
from oodml.datasets.rendered.rendering import Recipe, Rendered, Rendering, halves, rendered_dataset

_RECIPE_NUMBER = 2
_DISTRIBUTION = "pretix-fontpack-free"
_MODULE = "pretix_fontpackfree"
_REGULAR = 400

# Room for two accents above a capital and one below.
_FRAME = Frame(size=96, margin=4, reference_height=46, baseline=74)
_REFERENCE = "H"

_MIN_FAMILIES = 12
# Cuts of one typeface (hinted, subset, with another script added) differ by 0 to 0.05 of their
# ink on these letters, different typefaces by 0.10 and more.
_TELLING_LETTERS = "AGMRSaegkty"
_SAME_TYPEFACE = 0.08
# Letters that look alike differ by less than this in most typefaces that have both; letters that
# differ in a diacritic reach it in at most a third of them.
_SAME_LETTER = 0.02
_SCRIPT_ORDER = ("Latin", "Greek", "Cyrillic")

CARD = DatasetCard(
    title="Glyphs",
    description=(
        "Letters drawn by 19 typefaces, 96 x 96 pixels, black on white. A class is a letter, its "
        "superclass the script. Letters that 12 or more font families of the pack have; one "
        "regular face a typeface, families that share a drawing count once; letters that look "
        "alike (A, Greek Alpha, Cyrillic A) are one class under the Latin name. All typefaces are "
        "drawn to one height of H, so a small o stays smaller than a capital O. Default split: "
        "first and second half of the classes by code point."
    ),
    licence=(
        "fonts: SIL Open Font License 1.1, Apache License 2.0 (Roboto, Droid), Bitstream Vera "
        "licence (DejaVu), Ubuntu Font Licence 1.0; see the package"
    ),
    citation="Rendered from the fonts of the Python package pretix-fontpack-free",
    homepage="https://pypi.org/project/pretix-fontpack-free/",
    source="rendered on this machine from the installed fonts; nothing is downloaded",
)


@register_dataset("glyphs")
def glyphs() -> ClassDataset:
    """Rendered on first use (about half a minute) and cached."""
    folder = package_folder(_DISTRIBUTION, _MODULE, _DISTRIBUTION)
    versions = package_versions(_DISTRIBUTION) | drawing_versions()
    recipe = Recipe("glyphs", _RECIPE_NUMBER, versions)
    return rendered_dataset(recipe, CARD, lambda: _render(folder))


def _render(folder: Path) -> Rendered:
    fonts = [read_font(path) for path in sorted(folder.rglob("*.ttf"))]
    fonts = [font for font in fonts if font.weight == _REGULAR and font.upright]
    if not fonts:
        raise OodmlError(f"{folder}: no regular fonts here; reinstall {_DISTRIBUTION}")
    letters = _common_letters(fonts)
    drawings = {
        font.family: _draw_letters(font, letters)
        for font in track(_typefaces(fonts), "Rendering glyphs")
    }
    class_of = merge_lookalikes(drawings, _SAME_LETTER, _naming_order)
    chosen = class_drawings(drawings, class_of, _SAME_LETTER, _naming_order)
    return Rendered(
        images=[
            Rendering(
                f"{_class_name(letter)}/{family.replace(' ', '-')}", _class_name(letter), image
            )
            for letter, images in chosen.items()
            for family, image in images.items()
        ],
        superclass_of={_class_name(letter): _script(letter) for letter in chosen},
        default_split=halves([_class_name(letter) for letter in sorted(chosen)]),
    )


def _common_letters(fonts: Sequence[FontFile]) -> list[str]:
    """Letters (Unicode category L*) of at least 12 families, by code point."""
    letters_of: dict[str, set[str]] = defaultdict(set)
    for font in fonts:
        letters_of[font.family] |= {
            chr(code) for code in font.glyph_of if unicodedata.category(chr(code)).startswith("L")
        }
    families = Counter(letter for letters in letters_of.values() for letter in letters)
    return sorted(letter for letter, count in families.items() if count >= _MIN_FAMILIES)


def _typefaces(fonts: Sequence[FontFile]) -> list[FontFile]:
    """One font for each drawing of the Latin letters: the one with the most characters."""
    fonts = [font for font in fonts if all(ord(c) in font.glyph_of for c in _TELLING_LETTERS)]
    # Releases grow, so the most characters also means the newest release of a family.
    ordered = sorted(fonts, key=lambda font: (-len(font.glyph_of), font.path.name))
    stacks = []
    for font in ordered:
        drawn = _draw_letters(font, _TELLING_LETTERS)
        stacks.append(np.stack([drawn[letter] for letter in _TELLING_LETTERS]))
    return [ordered[index] for index in distinct_styles(stacks, _SAME_TYPEFACE)]


def _draw_letters(font: FontFile, letters: Sequence[str]) -> dict[str, Drawing]:
    drawer = FontDrawer(font.path, _FRAME, _REFERENCE)
    drawn = {letter: drawer.draw(letter) for letter in letters if ord(letter) in font.glyph_of}
    return {letter: image for letter, image in drawn.items() if image is not None}


def _naming_order(letter: str) -> tuple[int, str]:
    script = _script(letter)
    known = script in _SCRIPT_ORDER
    return (_SCRIPT_ORDER.index(script) if known else len(_SCRIPT_ORDER)), letter


def _script(letter: str) -> str:
    return str(scripts.script_name(scripts.script(letter)))


def _class_name(letter: str) -> str:
    return unicodedata.name(letter).lower().replace(" ", "-")
