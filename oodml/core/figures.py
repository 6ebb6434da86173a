"""Figures as files: equal figures give equal bytes, and texts of users stand in them as they are."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from oodml.core.errors import UsageError
from oodml.core.files import atomic_path
from oodml.core.fonts import families_for, package_hint
from oodml.core.paths import PathLike, as_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What would tell two files of the same figure apart: when they were written, and by which release.
_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
_SHOWN = 12


def check_figure_path(path: PathLike) -> Path:
    """The path, or UsageError for an ending that no figure has."""
    found = as_path(path)
    if found.suffix[1:].lower() not in _UNDATED:
        raise UsageError(f"{found}: figures are written as .png, .svg or .pdf")
    return found


def save_figure(figure: Figure, path: PathLike, *, dpi: int = 160) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of ``path``, atomically.

    Args:
        dpi: dots an inch of a PNG, and of pictures inside the others.

    Raises:
        UsageError: another ending.
    """
    path = check_figure_path(path)
    with atomic_path(path) as temporary:
        write_figure(figure, temporary, path.suffix[1:].lower(), dpi=dpi)


def write_figure(figure: Figure, to: Path | IO[bytes], ending: str, dpi: int = 160) -> None:
    """Write a figure of a given kind to a file or a stream: the same bytes for the same figure."""
    import matplotlib

    texts_as_they_are(figure)
    # The salt makes the ids inside an SVG the same each time.
    with matplotlib.rc_context({"svg.hashsalt": "oodml"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")  # said once, below
        figure.savefig(to, format=ending, dpi=dpi, metadata=_UNDATED[ending])


def texts_as_they_are(figure: Figure) -> Figure:
    """Draw no text of a figure as mathematics, and each in fonts that have its script.

    Every function that draws a figure ends with this. Characters that no font of the machine has are
    boxes; one warning names them and what to install.
    """
    from matplotlib.text import Text

    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    lacking: set[str] = set()
    for text in texts:
        text.set_parse_math(False)
        content = text.get_text()
        if content.isascii():
            continue
        families, missing = families_for("".join(sorted(set(content))))
        lacking |= set(missing)
        if len(families) > 1:
            text.set_fontfamily(list(families))
    if lacking:
        _say_once("".join(sorted(lacking)))
    return figure


@cache
def _say_once(lacking: str) -> None:
    """Once for each set of characters: a figure is looked through when drawn and at each saving."""
    some = lacking if len(lacking) <= _SHOWN else lacking[:_SHOWN] + " ..."
    warnings.warn(
        f"figure: no font of this machine has {some}, which are drawn as boxes; install "
        f"{package_hint(lacking)}",
        stacklevel=3,
    )
