"""Make ``oodml/datasets/rendered/typefaces/`` again: the fonts that draw ``glyphs``, cut down to its letters.

    pip install pretix-fontpack-free==1.11.2 && python benchmarks/typefaces/make.py

The pack is needed here only. It is no dependency of oodml because it registers a ``build`` command
that breaks the building of other packages in the same environment. Which letters (those of at
least 12 font families) and which typefaces (one cut of each drawing) are in the set is chosen here;
the outlines and the hinting stay as they are, so every letter is drawn pixel for pixel as by the
whole font. Names inside the fonts are changed, as the licences ask of cut-down fonts.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from fontTools import subset

from oodml.datasets.rendered.fonts import FontDrawer, FontFile, package_folder, read_font
from oodml.datasets.rendered.glyphs import FRAME, REFERENCE, TYPEFACES
from oodml.datasets.rendered.lookalikes import distinct_styles

REGULAR = 400
MIN_FAMILIES = 12
# Cuts of one typeface (hinted, subset, with another script added) differ by 0 to 0.05 of their
# ink on these letters, different typefaces by 0.10 and more.
TELLING_LETTERS = "AGMRSaegkty"
SAME_TYPEFACE = 0.08
# What automatic hinting measures raised letters (ª, º) by, and what tests draw besides letters.
MEASURED = [0xB2, 0xB3, 0xB9, *range(0x2B0, 0x2B9), *range(0x2E0, 0x2E5), *range(0x1D2C, 0x1D6B)]
MEASURED += [0x1D78, *range(0x1D9B, 0x1DC0), *range(0x2070, 0x209D), 0x2C7C, 0x2C7D, ord(" ")]

OFL, APACHE = "OFL-1.1.txt", "Apache-2.0.txt"
OTHER_LICENCES = {
    "DejaVu Sans": "DejaVu.txt",
    "Droid Serif": APACHE,
    "Roboto Condensed": APACHE,
    "Ubuntu": "Ubuntu-font-licence-1.0.txt",
}
COPYRIGHT, FAMILY, STYLE, UNIQUE, FULL, POSTSCRIPT = 0, 1, 2, 3, 4, 6


def main() -> None:
    folder = package_folder("pretix-fontpack-free", "pretix_fontpackfree", "pretix-fontpack-free")
    fonts = [read_font(path) for path in sorted(folder.rglob("*.ttf"))]
    fonts = [font for font in fonts if font.weight == REGULAR and font.upright]
    letters = common_letters(fonts)
    rows = [cut(font, letters) for font in sorted(typefaces(fonts), key=lambda font: font.family)]
    table = {"letters": "".join(letters), "typefaces": rows}
    text = json.dumps(table, indent=1, ensure_ascii=False)
    (TYPEFACES / "typefaces.json").write_text(text + "\n", encoding="utf-8")


def common_letters(fonts: Sequence[FontFile]) -> list[str]:
    """Letters (Unicode category L*) of at least 12 families, by code point."""
    letters_of: dict[str, set[str]] = defaultdict(set)
    for font in fonts:
        letters_of[font.family] |= {
            chr(code) for code in font.glyph_of if unicodedata.category(chr(code)).startswith("L")
        }
    families = Counter(letter for letters in letters_of.values() for letter in letters)
    return sorted(letter for letter, count in families.items() if count >= MIN_FAMILIES)


def typefaces(fonts: Sequence[FontFile]) -> list[FontFile]:
    """One font for each drawing of the Latin letters: the one with the most characters."""
    fonts = [font for font in fonts if all(ord(c) in font.glyph_of for c in TELLING_LETTERS)]
    # Releases grow, so the most characters also means the newest release of a family.
    ordered = sorted(fonts, key=lambda font: (-len(font.glyph_of), font.path.name))
    stacks = []
    for font in ordered:
        drawer = FontDrawer(font.path, FRAME, REFERENCE)
        drawn = [drawer.draw(letter) for letter in TELLING_LETTERS]
        stacks.append(np.stack([image for image in drawn if image is not None]))
    return [ordered[index] for index in distinct_styles(stacks, SAME_TYPEFACE)]


def cut(font: FontFile, letters: Sequence[str]) -> dict[str, str]:
    """Write the font with the letters alone; the row that says where it comes from."""
    options = subset.Options(hinting=True, layout_features=[], notdef_outline=True)
    options.name_IDs = [COPYRIGHT, FAMILY, STYLE, UNIQUE, FULL, POSTSCRIPT, 7, 13, 14]
    options.drop_tables += ["BASE", "DSIG", "FFTM", "GDEF", "GPOS", "GSUB", "MATH", "STAT", "VORG"]
    options.drop_tables += ["kern", "meta", "vhea", "vmtx"]
    whole = subset.load_font(str(font.path), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[*map(ord, letters), *MEASURED])
    cutter.subset(whole)
    # Reserved names may not stand in a changed font; Ubuntu asks for its name with an addition.
    ours = f"oodml glyphs {len(font.glyph_of)}"
    name = "Ubuntu derivative oodml" if font.family == "Ubuntu" else ours
    for record in whole["name"].names:
        if record.nameID in (FAMILY, UNIQUE, FULL):
            record.string = name
        elif record.nameID == POSTSCRIPT:
            record.string = name.replace(" ", "-")
    path = TYPEFACES / (re.sub(r"\W+", "-", font.family.lower()) + ".ttf")
    subset.save_font(whole, str(path), options)
    return {
        "file": path.name,
        "family": font.family,
        "cut_from": font.path.name,
        "copyright": (whole["name"].getDebugName(COPYRIGHT) or "").strip("\ufeff \n"),
        "licence": OTHER_LICENCES.get(font.family, OFL),
    }


if __name__ == "__main__":
    main()
