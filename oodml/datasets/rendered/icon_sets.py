"""Icon fonts inside ``qtawesome`` and ``iconipy``: which style draws which name with which glyph."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oodml.core.errors import OodmlError

Names = dict[str, int]  # icon name -> code point


@dataclass(frozen=True)
class IconStyle:
    """One style of one icon family.

    Attributes:
        name: unique; begins with the family.
        package: ``qtawesome`` or ``iconipy``, the folder that ``font`` and ``names`` lie in.
        font: pattern of the font file; its name carries a version.
        names: pattern of the file that tells names and code points.
        read: reads that file.
        prefix, suffix: only names that have both belong to the style; both are cut off.
        without: names that end so belong to another style.
    """

    name: str
    package: str
    font: str
    names: str
    read: Callable[[str], Names]
    prefix: str = ""
    suffix: str = ""
    without: tuple[str, ...] = ()


def read_style(style: IconStyle, folder: Path) -> tuple[Path, dict[str, str]]:
    """(font file, icon name -> character) of a style; OodmlError when a file is not there once."""
    font, names = _only(folder, style.font), _only(folder, style.names)
    found: dict[str, str] = {}
    for name, code in sorted(style.read(names.read_text(encoding="utf-8")).items()):
        if name.startswith(style.prefix) and name.endswith(style.suffix):
            short = name[len(style.prefix) : len(name) - len(style.suffix)].replace("_", "-")
            if short and not short.endswith(style.without or ("\0",)):
                found.setdefault(short, chr(code))
    return font, found


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise OodmlError(
            f"{folder}: {len(found)} files match {pattern}, expected one; "
            "oodml does not know this version of the package"
        )
    return found[0]


def _json_names(text: str) -> Names:
    return {
        name: int(code, 16) if isinstance(code, str) else int(code)
        for name, code in json.loads(text).items()
    }


def _lucide_names(text: str) -> Names:
    return {name: int(i["encodedCode"].lstrip("\\"), 16) for name, i in json.loads(text).items()}


def _css_names(text: str) -> Names:
    rule = re.compile(r'\.([\w-]+):before\s*\{\s*content:\s*"\\([0-9a-fA-F]+)"')
    return {name: int(code, 16) for name, code in rule.findall(text)}


def _codepoint_names(text: str) -> Names:
    return {name: int(code, 16) for name, code in (line.split() for line in text.splitlines())}


def _ligature_names(text: str) -> Names:
    row = re.compile(
        r'<td class="ligature">([^<]+)</td>\s*<td class="unicode">\\([0-9a-fA-F]+)</td>'
    )
    return {
        name.strip(): int(code, 16)
        for names, code in row.findall(text)
        for name in names.split(",")
    }


def _numbered_names(text: str) -> Names:
    """Lineicons numbers its variants (``home-2``); the first stands for the name."""
    found: Names = {}
    for name, code in sorted(_json_names(text).items()):
        found.setdefault(re.sub(r"-\d+$", "", name), code)
    return found


def _material(style: str) -> tuple[str, str]:
    folder = f"material_icons_{style}regular"
    return f"{folder}/MaterialIcons*-Regular.?tf", f"{folder}/*.codepoints"


_BOXICONS = ("iconipy", "boxicons/*.ttf", "boxicons/*.css", _css_names)
_MDI = (
    "qtawesome",
    "materialdesignicons6-webfont-[0-9]*.ttf",
    "materialdesignicons6-*charmap*.json",
    _json_names,
)
_PHOSPHOR = ("qtawesome", "phosphor-*.ttf", "phosphor-charmap*.json", _json_names)
_REMIX = ("qtawesome", "remixicon-*.ttf", "remixicon-charmap*.json", _json_names)
_TYPICONS = ("iconipy", "typicons/*.ttf", "typicons/*.css", _css_names)
_WEIGHTS = ("-bold", "-fill", "-light", "-thin")

# Left out as near-copies of a style that is here: Font Awesome 5 (of 6), Material Design Icons 5
# (of 6), Material rounded and sharp, Phosphor bold, light and thin.
ICON_STYLES = (
    IconStyle("boxicons", *_BOXICONS, prefix="bx-"),
    IconStyle("boxicons-solid", *_BOXICONS, prefix="bxs-"),
    IconStyle("codicon", "qtawesome", "codicon-*.ttf", "codicon-charmap*.json", _json_names),
    IconStyle("elusive", "qtawesome", "elusiveicons-*.ttf", "elusiveicons-*.json", _json_names),
    IconStyle(
        "fontawesome",
        "qtawesome",
        "fontawesome6-solid-webfont-[0-9]*.ttf",
        "fontawesome6-solid-*charmap*.json",
        _json_names,
    ),
    IconStyle(
        "fontawesome-regular",
        "qtawesome",
        "fontawesome6-regular-webfont-[0-9]*.ttf",
        "fontawesome6-regular-*charmap*.json",
        _json_names,
    ),
    IconStyle(
        "ligature-symbols",
        "iconipy",
        "ligature_symbols/*.ttf",
        "ligature_symbols/index.html",
        _ligature_names,
    ),
    IconStyle(
        "lineicons",
        "iconipy",
        "lineicons/*.ttf",
        "lineicons/unicodesMap.json",
        _numbered_names,
        prefix="lni-",
    ),
    IconStyle("lucide", "iconipy", "lucide/*.ttf", "lucide/info.json", _lucide_names),
    IconStyle("material", "iconipy", *_material(""), _codepoint_names),
    IconStyle("material-outlined", "iconipy", *_material("outlined_"), _codepoint_names),
    IconStyle("mdi", *_MDI, without=("-outline",)),
    IconStyle("mdi-outline", *_MDI, suffix="-outline"),
    IconStyle("microns", "iconipy", "microns/*.ttf", "microns/*.css", _css_names, prefix="mu-"),
    IconStyle("phosphor", *_PHOSPHOR, without=_WEIGHTS),
    IconStyle("phosphor-fill", *_PHOSPHOR, suffix="-fill"),
    IconStyle("remix-fill", *_REMIX, suffix="-fill"),
    IconStyle("remix-line", *_REMIX, suffix="-line"),
    IconStyle("typicons", *_TYPICONS, prefix="typcn-", without=("-outline",)),
    IconStyle("typicons-outline", *_TYPICONS, prefix="typcn-", suffix="-outline"),
)
