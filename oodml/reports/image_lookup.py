"""Images by id, from a data set oodml knows or from a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from oodml.core.errors import DataError, UsageError

_SUFFIXES = ("", ".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".webp", ".bmp")


def find_images(where: str, ids: Sequence[str]) -> Callable[[int], Any]:
    """A function from a row to its PIL image.

    Args:
        where: the name of a data set, whose image ids ``ids`` are; or a folder, below which they are
            paths, with or without their ending.
    """
    folder = Path(where)
    if folder.is_dir():
        return lambda row: _open(folder, ids[row])
    from oodml.datasets import list_datasets, load_dataset

    if where not in list_datasets():
        raise UsageError(f"--images {where}: neither a folder nor a data set")
    dataset = load_dataset(where)
    index_of = {one: index for index, one in enumerate(dataset.image_ids)}

    def load(row: int) -> Any:
        if ids[row] not in index_of:
            raise DataError(f"--images {where}: the data set has no image {ids[row]!r}")
        return dataset.load_image(index_of[ids[row]])

    return load


def _open(folder: Path, name: str) -> Any:
    from PIL import Image, UnidentifiedImageError

    for suffix in _SUFFIXES:
        path = folder / (name + suffix)
        if path.is_file():
            try:
                with Image.open(path) as opened:
                    return opened.convert("RGB")
            except (UnidentifiedImageError, OSError) as error:
                raise DataError(f"{path}: not a readable image ({error})") from None
    raise DataError(f"{folder}: no image for id {name!r} (tried it as it is and with endings)")
