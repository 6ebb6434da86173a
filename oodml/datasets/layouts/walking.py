"""Walking through folders that users hand in: what is there, in a fixed order, without circles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from oodml.core.errors import DataError


def files_below(root: Path, depth: int) -> Iterator[str]:
    """Relative paths (with ``/``) of all files at most ``depth`` folders deep, in sorted order.

    Links are followed. Hidden folders are not looked into but named, with a ``/`` at the end.

    Raises:
        DataError: a folder that cannot be read, or one that a link leads back to.
    """
    yield from _files_below(root, "", depth, ())


def _files_below(
    folder: Path, prefix: str, depth: int, above: tuple[tuple[int, int], ...]
) -> Iterator[str]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(f"{folder}: a link back to a folder above it; remove it")
    for entry in listed(folder):
        if entry.is_dir():
            if is_visible_folder(entry):
                if depth > 0:
                    below = f"{prefix}{entry.name}/"
                    yield from _files_below(entry, below, depth - 1, (*above, here))
            elif entry.name != "__MACOSX" or not _is_apples(entry):
                yield f"{prefix}{entry.name}/"
        else:
            yield prefix + entry.name


def _is_apples(folder: Path) -> bool:
    """Whether all files below are what macOS keeps beside each file (``._x.jpg``)."""
    return all(path.is_dir() or path.name.startswith("._") for path in folder.rglob("*"))


def listed(folder: Path) -> list[Path]:
    """What lies in a folder, by name; DataError when it cannot be read."""
    try:
        return sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from None


def is_visible_folder(path: Path) -> bool:
    """Whether ``path`` is a folder that may hold data: not hidden, not what macOS adds."""
    return path.is_dir() and not path.name.startswith(".") and path.name != "__MACOSX"


def find_folder(root: Path, depth: int, is_it: Callable[[Path], bool]) -> Path | None:
    """``root`` or the first folder below it, at most ``depth`` deep, for which ``is_it``."""
    if is_it(root):
        return root
    if depth > 0:
        for child in filter(is_visible_folder, listed(root)):
            found = find_folder(child, depth - 1, is_it)
            if found is not None:
                return found
    return None
