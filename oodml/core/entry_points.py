"""Entry points of installed packages, and warnings about those that are broken."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, distributions, entry_points

from oodml.core.failure_text import failure_text
from oodml.core.progress import console

_told: set[str] = set()
_quiet = False


def points_of(group: str) -> list[EntryPoint]:
    """The entry points of a group, each package once; packages with unreadable ones are told."""
    try:
        return list(entry_points(group=group))
    except Exception:  # one package's broken metadata stops importlib.metadata for all
        return list(_one_by_one(group))


def told_once(warning: str) -> None:
    """Print a warning, unless this process has, or its parent does."""
    if warning not in _told and not _quiet:
        _told.add(warning)
        console.print(warning, style="yellow", markup=False, highlight=False)


def leave_warnings_to_parent() -> None:
    """For a worker process: the one that started it says the same."""
    global _quiet
    _quiet = True


def _one_by_one(group: str) -> Iterator[EntryPoint]:
    seen = set()
    for distribution in distributions():
        name = str(distribution.metadata["Name"])
        if name.lower() in seen:  # further down the path: not the one that is imported
            continue
        seen.add(name.lower())
        try:
            yield from distribution.entry_points.select(group=group)
        except Exception as error:
            told_once(f"passed over: the entry points of {name} are broken ({failure_text(error)})")
