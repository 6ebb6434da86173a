"""ResizedImages: 8-bit pixels of all images of a data set in one file, read through a memory map."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oodml.core.cache_entry import note_use
from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.hashing import sha256_bytes
from oodml.core.in_use import mark_in_use
from oodml.core.sealed import read_sealed, write_sealed

SCHEMA_VERSION = 1
PIXELS, INDEX, MANIFEST = "pixels.bin", "index.bin", "manifest.json"
# One row an image, in the data set's order; the pixels of one follow those of the one before.
ROW = np.dtype([("height", "<u4"), ("width", "<u4"), ("crc32", "<u4")])


class ResizedImages:
    """Images whose short side is ``side``, by their place in the data set.

    An image is compared with its checksum when it is first read, so that opening reads no pixels.
    Safe to call from several threads at once.

    Args:
        folder: of a finished store.
        key: hash of what the store was made from.
        side: short side of every image, pixels.
        interpolation: how they were resized.

    Raises:
        IntegrityError: missing, torn, altered, or made from something else.
    """

    def __init__(self, folder: Path, key: str, side: int, interpolation: str) -> None:
        self.side = side
        self.interpolation = interpolation
        self._path = folder / PIXELS
        self._index = _opened_index(folder, key)
        areas = self._index["height"].astype(np.int64) * self._index["width"]
        ends = 3 * np.cumsum(areas)
        self._starts = np.concatenate([[0], ends])
        if not self._path.is_file() or self._path.stat().st_size != ends[-1]:
            raise IntegrityError(f"{self._path}: missing or torn")
        self._pixels = np.memmap(self._path, np.uint8, mode="r")
        mark_in_use(self._path, self._pixels)
        note_use(folder / MANIFEST)
        self._seen = np.zeros(len(self._index), dtype=bool)

    def __len__(self) -> int:
        return len(self._index)

    def load(self, index: int) -> Image.Image:
        """Image ``index`` as RGB; IntegrityError where its pixels are not those that were written."""
        flat = self._pixels[self._starts[index] : self._starts[index + 1]]
        height, width, crc = self._index[index].tolist()
        if not self._seen[index]:
            if zlib.crc32(flat.data) != crc:
                raise IntegrityError(
                    f"{self._path}: image {index} is damaged; delete {self._path.parent}, it is made again"
                )
            self._seen[index] = True
        return Image.frombuffer("RGB", (width, height), flat, "raw", "RGB", 0, 1)


def finish(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest that makes ``folder`` a store."""
    index = (folder / INDEX).read_bytes()
    write_sealed(
        folder / MANIFEST,
        {**manifest, "schema_version": SCHEMA_VERSION, "index_sha256": sha256_bytes(index)},
    )


def _opened_index(folder: Path, key: str) -> NDArray[np.void]:
    path = folder / INDEX
    try:
        manifest = read_sealed(folder / MANIFEST)
        content = path.read_bytes()
    except (OodmlError, OSError) as error:
        raise IntegrityError(str(error)) from None
    if (manifest.get("schema_version"), manifest.get("key")) != (SCHEMA_VERSION, key):
        raise IntegrityError(f"{folder}: made from something else")
    if sha256_bytes(content) != manifest.get("index_sha256") or len(content) % ROW.itemsize:
        raise IntegrityError(f"{path}: not what its manifest records")
    return np.frombuffer(content, ROW)
