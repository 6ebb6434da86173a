"""Figures as files: equal figures give equal bytes."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from oodml.core.errors import UsageError
from oodml.core.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What would tell two files of the same figure apart: when they were written, and by which release.
_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


def save_figure(figure: Figure, path: Path, *, dpi: int = 160) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of ``path``, atomically.

    Args:
        dpi: dots an inch of a PNG, and of pictures inside the others.

    Raises:
        UsageError: another ending.
    """
    ending = path.suffix[1:].lower()
    if ending not in _UNDATED:
        raise UsageError(f"{path}: figures are written as .png, .svg or .pdf")
    with atomic_path(path) as temporary:
        write_figure(figure, temporary, ending, dpi=dpi)


def write_figure(figure: Figure, to: Path | IO[bytes], ending: str, dpi: int = 160) -> None:
    """Write a figure of a given kind to a file or a stream: the same bytes for the same figure."""
    import matplotlib

    # The salt makes the ids inside an SVG the same each time.
    with matplotlib.rc_context({"svg.hashsalt": "oodml"}):
        figure.savefig(to, format=ending, dpi=dpi, metadata=_UNDATED[ending])
