"""``icons``: interface icons in many styles, from fonts that ``oodml[icons]`` installs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from oodml.core.progress import track
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
from oodml.datasets.rendered.icon_sets import ICON_STYLES, read_style
from oodml.datasets.rendered.lookalikes import Drawing, Drawings, class_drawings, merge_lookalikes
from oodml.datasets.rendered.rendering import Recipe, Rendered, Rendering, halves, rendered_dataset

_RECIPE_NUMBER = 1
_EXTRA = "oodml[icons]"

_FRAME = Frame(size=96, margin=4, reference_height=76)
_MIN_STYLES = 6
_SAME_ICON = 0.02

# Families name the same picture differently; without this a class would have a twin. A family that
# has both names gives the picture of the right one.
_SYNONYMS = {
    "alert": "warning",
    "attachment": "paperclip",
    "bar-chart": "chart-bar",
    "bin": "trash",
    "cart": "shopping-cart",
    "chat": "comment",
    "circle-check": "check-circle",
    "circle-minus": "minus-circle",
    "circle-pause": "pause-circle",
    "circle-play": "play-circle",
    "circle-plus": "plus-circle",
    "circle-stop": "stop-circle",
    "delete": "trash",
    "floppy-disk": "save",
    "gear": "cog",
    "house": "home",
    "magnifying-glass": "search",
    "mail": "envelope",
    "mail-open": "envelope-open",
    "message": "comment",
    "microphone": "mic",
    "photo": "image",
    "picture": "image",
    "pie-chart": "chart-pie",
    "plus": "add",
    "print": "printer",
    "send": "paper-plane",
    "settings": "cog",
    "thumb-down": "thumbs-down",
    "thumb-up": "thumbs-up",
    "time": "clock",
    "trash-can": "trash",
}

CARD = DatasetCard(
    title="Icons",
    description=(
        "Interface icons, 96 x 96 pixels, black on white. A class is what an icon stands for "
        "(its name in the icon fonts), its images are 6 or more styles of 13 icon families. "
        "Near-copies of a style (other weights and releases of a family) are left out, and a "
        "picture that stands in two classes too. Default split: first and second half of the "
        "classes by name."
    ),
    licence=(
        "Font Awesome Free 6: icons CC BY 4.0, font SIL OFL 1.1; Material Design Icons, Material "
        "Icons, Remix Icon: Apache License 2.0; Phosphor, Boxicons, Lineicons: MIT; Lucide: ISC; "
        "Codicons: CC BY 4.0, Microsoft; Elusive Icons, Ligature Symbols (Kazuyuki Motoyama): SIL "
        "OFL 1.1; Typicons and Microns (Stephen Hutchings): fonts SIL OFL 1.1, artwork CC BY-SA"
    ),
    citation="Rendered from the icon fonts in the Python packages qtawesome and iconipy",
    homepage="https://pypi.org/project/QtAwesome/, https://pypi.org/project/iconipy/",
    source="rendered on this machine from installed packages; nothing is downloaded",
)


@register_dataset("icons", extra="icons", modules=("iconipy", "qtawesome"))
def icons() -> ClassDataset:
    """Rendered on first use (about ten seconds) and cached."""
    folders = {
        "iconipy": package_folder("iconipy", "iconipy", _EXTRA) / "assets",
        "qtawesome": package_folder("qtawesome", "qtawesome", _EXTRA) / "fonts",
    }
    versions = package_versions(*folders) | drawing_versions()
    recipe = Recipe("icons", _RECIPE_NUMBER, versions)
    return rendered_dataset(recipe, CARD, lambda: _render(folders))


def _render(folders: dict[str, Path]) -> Rendered:
    styles = {style.name: read_style(style, folders[style.package]) for style in ICON_STYLES}
    characters = {name: (font, _concepts(icons)) for name, (font, icons) in styles.items()}
    count = Counter(concept for _, icons in characters.values() for concept in icons)
    wanted = {concept for concept, styles_of in count.items() if styles_of >= _MIN_STYLES}
    drawings: Drawings = {
        style: _draw_style(font, {c: icons[c] for c in sorted(icons) if c in wanted})
        for style, (font, icons) in track(characters.items(), "Rendering icons")
    }
    class_of = merge_lookalikes(drawings, _SAME_ICON, str)
    chosen = {
        concept: images
        for concept, images in class_drawings(drawings, class_of, _SAME_ICON, str).items()
        if len(images) >= _MIN_STYLES
    }
    return Rendered(
        images=[
            Rendering(f"{concept}/{style}", concept, image)
            for concept, images in chosen.items()
            for style, image in images.items()
        ],
        superclass_of=None,
        default_split=halves(sorted(chosen)),
    )


def _concepts(icons: dict[str, str]) -> dict[str, str]:
    """Concept -> character; a name that is a concept's own comes before its synonyms."""
    found = {name: character for name, character in icons.items() if name not in _SYNONYMS}
    for name, character in sorted(icons.items()):
        if name in _SYNONYMS:
            found.setdefault(_SYNONYMS[name], character)
    return found


def _draw_style(path: Path, characters: dict[str, str]) -> dict[str, Drawing]:
    covered = read_font(path).glyph_of
    characters = {concept: c for concept, c in characters.items() if ord(c) in covered}
    drawer = FontDrawer(path, _FRAME, "".join(sorted(set(characters.values()))))
    drawn = {concept: drawer.draw(c) for concept, c in characters.items()}
    return {concept: image for concept, image in drawn.items() if image is not None}
