"""Data sets rendered once and kept: one array of pixels and one manifest, checked at every load."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from oodml.core.cache_entry import note_use
from oodml.core.disk_errors import clear_disk_errors
from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.files import atomic_path, oodml_home, read_json, write_json
from oodml.core.hashing import sha256_file, sha256_json
from oodml.datasets.base import ClassDataset, DatasetCard, dataset_fingerprint, labels_of
from oodml.datasets.images import ArrayImages, open_array

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Rendering:
    """One image: uint8 [H, W] greyscale or [H, W, 3] RGB, the same shape for all of a data set."""

    image_id: str
    class_name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Rendered:
    """All that a renderer gives."""

    images: Sequence[Rendering]
    superclass_of: dict[str, str] | None
    default_split: tuple[tuple[str, ...], tuple[str, ...]] | None


@dataclass(frozen=True)
class Recipe:
    """What decides the pixels: the data set, its recipe number, and the versions of its tools.

    Raise ``number`` with every change that may change an image, a name or a class.
    """

    name: str
    number: int
    versions: dict[str, str]


def rendered_dataset(
    recipe: Recipe, card: DatasetCard, render: Callable[[], Rendered]
) -> ClassDataset:
    """The data set of ``recipe``: from the cache if that is whole, else rendered and cached.

    The cache lies in ``<home>/data/<name>/<key>/``; one process renders, others wait. A torn one,
    one that was changed, and one made with other versions are never used.

    Raises:
        OodmlError: the disk is full, or cannot be written.
    """
    folder = cache_folder(recipe)
    with suppress(OodmlError):  # missing, torn or altered
        return _load(folder, recipe, card)
    with clear_disk_errors(f"rendering {recipe.name!r}", folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(render_lock(folder)):
            with suppress(OodmlError):  # rendered meanwhile, by the one that was waited for
                return _load(folder, recipe, card)
            for torn in folder.glob(".*.tmp"):  # of a process that was killed
                torn.unlink(missing_ok=True)
            _write(folder, recipe, render())
            return _load(folder, recipe, card)


def render_lock(folder: Path) -> Path:
    """The lock of those that render into ``folder``."""
    return folder.with_name(folder.name + ".lock")


def cache_folder(recipe: Recipe) -> Path:
    """Where the rendered set lies; a recipe's folder changes with every version in it."""
    return oodml_home() / "data" / recipe.name / sha256_json(asdict(recipe))[:16]


def halves(ordered: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Default split of a data set without a usual one: first and second half of its classes."""
    half = (len(ordered) + 1) // 2
    return tuple(sorted(ordered[:half])), tuple(sorted(ordered[half:]))


def cached_counts(name: str) -> tuple[int, int] | None:
    """(images, classes) of the data set as last rendered on this machine, or None. Not checked."""
    manifests = list((oodml_home() / "data" / name).glob("*/manifest.json"))
    if not manifests:
        return None
    try:
        manifest = read_json(max(manifests, key=lambda path: path.stat().st_mtime_ns))
        return len(manifest["image_ids"]), len(set(manifest["classes"]))
    except (OodmlError, OSError, KeyError, TypeError):
        return None


def _write(folder: Path, recipe: Recipe, rendered: Rendered) -> None:
    images = sorted(rendered.images, key=lambda image: (image.class_name, image.image_id))
    classes = [image.class_name for image in images]
    pixels = np.stack([image.pixels for image in images])
    # The manifest is written last: without it, or with one that does not match, there is no cache.
    with atomic_path(folder / "images.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, pixels, allow_pickle=False)
    manifest = {
        "schema_version": _SCHEMA_VERSION,
        "recipe": asdict(recipe),
        "image_ids": [image.image_id for image in images],
        "classes": classes,
        "superclass_of": rendered.superclass_of,
        "default_split": rendered.default_split,
        "images_sha256": sha256_file(folder / "images.npy"),
        "fingerprint": dataset_fingerprint(
            [image.image_id for image in images],
            classes,
            [hashlib.sha256(image.pixels.tobytes()).hexdigest() for image in images],
        ),
    }
    write_json(folder / "manifest.json", manifest | {"manifest_sha256": _self_hash(manifest)})


def _load(folder: Path, recipe: Recipe, card: DatasetCard) -> ClassDataset:
    manifest = _read_manifest(folder / "manifest.json", recipe)
    path = folder / "images.npy"
    if not path.is_file() or _content_hash(path) != manifest["images_sha256"]:
        raise IntegrityError(f"{path}: not what its manifest records")
    array = open_array(path)
    if len(array) != len(manifest["image_ids"]):
        raise IntegrityError(f"{path}: another number of images than its manifest records")
    note_use(folder / "manifest.json")
    labels, class_names = labels_of(manifest["classes"])
    split = manifest["default_split"]
    return ClassDataset(
        name=recipe.name,
        image_ids=tuple(manifest["image_ids"]),
        labels=labels,
        class_names=class_names,
        fingerprint=manifest["fingerprint"],
        card=card,
        superclass_of=manifest["superclass_of"],
        default_split=None if split is None else (tuple(split[0]), tuple(split[1])),
        images=ArrayImages(path, array),
    )


def _read_manifest(path: Path, recipe: Recipe) -> dict[str, Any]:
    manifest = read_json(path)
    if not isinstance(manifest, dict) or manifest.get("schema_version") != _SCHEMA_VERSION:
        raise IntegrityError(f"{path}: not a manifest of this version")
    if manifest.pop("manifest_sha256", None) != _self_hash(manifest):
        raise IntegrityError(f"{path}: altered")
    if manifest["recipe"] != asdict(recipe):
        raise IntegrityError(f"{path}: made by another recipe")
    return manifest


def _self_hash(manifest: dict[str, Any]) -> str:
    return sha256_json(manifest)


def _content_hash(path: Path) -> str:
    status = path.stat()
    return _remembered_hash(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _remembered_hash(path: Path, size: int, modified_ns: int) -> str:
    """Hash a file once a process; size and time are arguments so that a changed file is read."""
    return sha256_file(path)
