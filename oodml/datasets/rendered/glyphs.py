"""``glyphs``: letters of many typefaces, rendered from the open fonts in ``typefaces/``."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from fontTools import unicodedata as scripts

from oodml.core.progress import track
from oodml.datasets.base import ClassDataset, DatasetCard
from oodml.datasets.registry import register_dataset
from oodml.datasets.rendered.fonts import (
    FontDrawer,
    FontFile,
    drawing_versions,
    read_font,
)
from oodml.datasets.rendered.framing import Frame
from oodml.datasets.rendered.lookalikes import (
    Drawing,
    class_drawings,
    merge_lookalikes,
)
from oodml.datasets.rendered.rendering import Recipe, Rendered, Rendering, halves, rendered_dataset

_RECIPE_NUMBER = 2
# Cut down to the letters of this data set, and chosen, by benchmarks/typefaces/make.py.
TYPEFACES = Path(__file__).with_name("typefaces")

# Room for two accents above a capital and one below.
FRAME = Frame(size=96, margin=4, reference_height=46, baseline=74)
REFERENCE = "H"

# Letters that look alike differ by less than this in most typefaces that have both; letters that
# differ in a diacritic reach it in at most a third of them.
_SAME_LETTER = 0.02
_SCRIPT_ORDER = ("Latin", "Greek", "Cyrillic")

CARD = DatasetCard(
    title="Glyphs",
    description=(
        "Letters drawn by 19 typefaces, 96 x 96 pixels, black on white. A class is a letter, its "
        "superclass the script. Letters that 12 or more of 42 font families have; one "
        "regular face a typeface, families that share a drawing count once; letters that look "
        "alike (A, Greek Alpha, Cyrillic A) are one class under the Latin name. All typefaces are "
        "drawn to one height of H, so a small o stays smaller than a capital O. Default split: "
        "first and second half of the classes by code point."
    ),
    licence=(
        "fonts: SIL Open Font License 1.1, Apache License 2.0 (Roboto Condensed, Droid), Bitstream "
        "Vera licence (DejaVu), Ubuntu Font Licence 1.0; texts and copyrights lie beside the fonts, "
        "in oodml/datasets/rendered/typefaces"
    ),
    citation="Rendered from 19 open fonts as the Python package pretix-fontpack-free 1.11.2 has them",
    homepage="https://pypi.org/project/pretix-fontpack-free/",
    source="rendered on this machine from fonts that come with oodml; nothing is downloaded",
)


@register_dataset("glyphs")
def glyphs() -> ClassDataset:
    """Rendered on first use (about half a minute) and cached."""
    recipe = Recipe("glyphs", _RECIPE_NUMBER, typeface_versions())
    return rendered_dataset(recipe, CARD, _render)


def typeface_versions() -> dict[str, str]:
    """What decides the pixels: a hash of the fonts, and the libraries that draw them."""
    digest = hashlib.sha256()
    for path in sorted(TYPEFACES.glob("*.ttf")):
        digest.update(path.read_bytes())
    return {"typefaces": digest.hexdigest()[:16]} | drawing_versions()


def _render() -> Rendered:
    table = json.loads((TYPEFACES / "typefaces.json").read_text(encoding="utf-8"))
    letters = table["letters"]
    drawings = {
        row["family"]: _draw_letters(read_font(TYPEFACES / row["file"]), letters)
        for row in track(table["typefaces"], "Rendering glyphs")
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


def _draw_letters(font: FontFile, letters: Sequence[str]) -> dict[str, Drawing]:
    drawer = FontDrawer(font.path, FRAME, REFERENCE)
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
