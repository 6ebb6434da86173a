"""What stores of resized images keep on disk: a folder each, ``.partial`` while it is being filled."""

from __future__ import annotations

from pathlib import Path

from oodml.core.cache_entry import CacheEntry, last_used
from oodml.core.files import oodml_home
from oodml.core.sizes import bytes_below
from oodml.datasets.resized.store import MANIFEST, PIXELS

_PARTIAL = ".partial"


def resized_entries() -> list[CacheEntry]:
    """Every entry below ``<home>/resized``."""
    folder = oodml_home() / "resized"
    return [_entry(path) for path in sorted(folder.glob("*/*")) if path.is_dir()]


def _entry(folder: Path) -> CacheEntry:
    name = folder.name.removesuffix(_PARTIAL)
    unfinished = folder.name.endswith(_PARTIAL)
    about = folder / ("progress.json" if unfinished else MANIFEST)
    return CacheEntry(
        kind="unfinished resized images" if unfinished else "resized images",
        dataset=folder.parent.name,
        name=name,
        path=folder,
        bytes=bytes_below(folder),
        used=last_used(about) or last_used(folder),
        useless=not unfinished and not about.is_file(),
        watched=folder / PIXELS,
        lock=folder.with_name(name + ".lock"),
    )
