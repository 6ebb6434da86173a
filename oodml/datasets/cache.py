"""What the data sets keep on disk: rendered pictures, left-overs of killed calls, added data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from oodml.core.cache_entry import CacheEntry, last_used
from oodml.core.errors import OodmlError
from oodml.core.files import read_json
from oodml.core.sizes import bytes_below
from oodml.core.workspaces import abandoned, is_workspace
from oodml.datasets.records import added_names, data_folder, record_path
from oodml.datasets.rendered.rendering import render_lock

_A_DAY = 86400


def dataset_entries() -> list[CacheEntry]:
    """Every entry below ``<home>/data``."""
    folder = data_folder()
    if not folder.is_dir():
        return []
    found = [*_left_over(folder)]
    for name in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        if name.startswith("."):
            continue
        found += [_added(name)] if name in added_names() else _rendered(folder / name)
    return found


def _added(name: str) -> CacheEntry:
    folder = data_folder() / name
    used = last_used(record_path(folder))
    return CacheEntry("added data", name, "", folder, bytes_below(folder), used, keep=True)


def _rendered(folder: Path) -> Iterator[CacheEntry]:
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        manifest = place / "manifest.json"
        torn = sorted(place.glob(".*.tmp"))
        for path in torn:
            yield CacheEntry(
                "left over",
                folder.name,
                path.name,
                path,
                bytes_below(path),
                last_used(path),
                useless=True,
                lock=render_lock(place),
            )
        yield CacheEntry(
            "rendered",
            folder.name,
            place.name,
            place,
            bytes_below(place) - sum(map(bytes_below, torn)),
            last_used(manifest) or last_used(place),
            useless=not _is_whole(manifest),
            watched=place / "images.npy",
            lock=render_lock(place),
        )


def _is_whole(manifest: Path) -> bool:
    try:
        return isinstance(read_json(manifest), dict)
    except OodmlError:
        return False


def _left_over(folder: Path) -> Iterator[CacheEntry]:
    dead = set(abandoned(folder))
    for path in sorted(folder.glob(".*")):
        # Older versions kept no locks beside their folders; a day is longer than any of them ran.
        old = not is_workspace(path) and time.time() - last_used(path) > _A_DAY
        if path.is_dir() and (path in dead or old):
            used = last_used(path)
            yield CacheEntry("left over", "", path.name, path, bytes_below(path), used, True)
