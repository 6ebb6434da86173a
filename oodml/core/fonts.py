"""Fonts for the scripts that matplotlib's own font lacks, as far as the machine has them."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Any

BASE = "DejaVu Sans"  # comes with matplotlib
# Tried before all others: they cover much and look plain.
_PREFERRED = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP",
    "Noto Sans KR", "Source Han Sans", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "IPAexGothic", "IPAGothic", "Droid Sans Fallback", "Microsoft YaHei",
    "SimHei", "MS Gothic", "Malgun Gothic", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo",
    "Arial Unicode MS", "Noto Sans", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans Thai", "Noto Emoji", "Segoe UI Emoji", "Symbola", "FreeSans", "Unifont",
)  # fmt: skip
_UNUSABLE = ("Color", "Last Resort", "LastResort", "Apple Color")
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH", "BOPOMOFO")


@lru_cache(maxsize=256)
def families_for(characters: str) -> tuple[tuple[str, ...], str]:
    """Font families that together draw the characters, and the characters that none of them has.

    The first is always `BASE`; matplotlib takes each glyph from the first that has it.

    Args:
        characters: sorted and each once, so that equal sets are looked up once.
    """
    missing = {one for one in characters if _drawn(one)} - _glyphs(BASE, _base_path())
    families = [BASE]
    for entry in _installed():
        if not missing:
            break
        found = missing & _glyphs(entry.name, entry.fname)
        if found:
            families.append(entry.name)
            missing -= found
    return tuple(families), "".join(sorted(missing))


def package_hint(characters: str) -> str:
    """What to install for characters that no font here has."""
    names = [unicodedata.name(one, "") for one in characters]
    if any(name.startswith(_CJK) for name in names):
        return "Noto Sans CJK (Debian: fonts-noto-cjk)"
    if any(unicodedata.category(one) == "So" for one in characters):
        return "Noto Emoji or Symbola (Debian: fonts-symbola)"
    return "Noto Sans of that script (Debian: fonts-noto-core)"


def _drawn(character: str) -> bool:
    """Whether a character needs a glyph: joiners, variation selectors and spaces do not."""
    selector = 0xFE00 <= ord(character) <= 0xFE0F
    return not character.isspace() and not selector and unicodedata.category(character)[0] != "C"


def _base_path() -> str:
    from matplotlib import font_manager

    return str(font_manager.findfont(BASE))


def _installed() -> list[Any]:
    """Upright fonts of regular weight, one a family, the preferred ones first."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:  # installed after matplotlib had made its list
            try:
                manager.addfont(path)
            except Exception:  # a font file may be anything
                continue
    entries: dict[str, Any] = {}
    for entry in manager.ttflist:
        plain = entry.style == "normal" and entry.weight in (400, "normal", "regular", "book")
        if entry.name not in entries or plain:
            entries[entry.name] = entry
    usable = [e for e in entries.values() if not any(word in e.name for word in _UNUSABLE)]
    rank = {name: place for place, name in enumerate(_PREFERRED)}
    return sorted(usable, key=lambda entry: (rank.get(entry.name, len(rank)), entry.name))


@cache
def _glyphs(family: str, path: str) -> frozenset[str]:
    from matplotlib.font_manager import get_font

    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except Exception:  # a font file may be anything
        return frozenset()
