"""What the features keep on disk: a folder an entry, ``.partial`` while it is being filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml.core.cache_entry import CacheEntry, last_used
from oodml.core.errors import OodmlError
from oodml.core.files import oodml_home, read_json
from oodml.core.sizes import bytes_below
from oodml.datasets.records import added_names, added_record
from oodml.datasets.registry import builtin_datasets

_PARTIAL = ".partial"


def feature_entries() -> list[CacheEntry]:
    """Every entry below ``<home>/features``."""
    folder = oodml_home() / "features"
    if not folder.is_dir():
        return []
    places = sorted(path for path in folder.glob("*/*") if path.is_dir())
    return [_entry(path) for path in places]


def _entry(folder: Path) -> CacheEntry:
    dataset, name = folder.parent.name, folder.name.removesuffix(_PARTIAL)
    unfinished = folder.name.endswith(_PARTIAL)
    about = folder / ("progress.json" if unfinished else "manifest.json")
    return CacheEntry(
        kind="unfinished features" if unfinished else "features",
        dataset=dataset,
        name=name,
        path=folder,
        bytes=bytes_below(folder),
        used=last_used(about) or last_used(folder),
        useless=not unfinished and not _is_of_use(dataset, about),
        watched=folder / "features.npy",
        lock=folder.with_name(name + ".lock"),
    )


def _is_of_use(dataset: str, about: Path) -> bool:
    """Whether a data set that is here has the content these features were computed from."""
    manifest = _read(about)
    if "dataset_fingerprint" not in manifest:
        return False
    if dataset in builtin_datasets():
        return True  # rendering it again gives what they belong to
    if dataset not in added_names():
        return False
    try:
        fingerprint = added_record(dataset)["contents"]["fingerprint"]
    except OodmlError:
        return True  # a damaged record says nothing of the files
    return bool(manifest["dataset_fingerprint"] == fingerprint)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except OodmlError:
        return {}
    return found if isinstance(found, dict) else {}
