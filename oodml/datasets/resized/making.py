"""Making a store of resized images, continuing where an earlier call stopped."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from oodml.core.disk_errors import clear_disk_errors
from oodml.core.errors import IntegrityError
from oodml.core.files import oodml_home, sweep_temporaries, write_json
from oodml.core.hashing import sha256_json
from oodml.core.progress import Task, console, progress_task
from oodml.core.threads import available_threads
from oodml.datasets.base import ClassDataset
from oodml.datasets.resized.store import INDEX, PIXELS, ROW, ResizedImages, finish

_RECIPE = 1  # raised with every change that may change a pixel
_BLOCK = 256  # images between the points an interrupted call continues from
_PROGRESS = "progress.json"
# Of a longer strip the middle is kept: crops are squares of about the short side.
_MOST_PIXELS = 1 << 24


def resized_images(dataset: ClassDataset, side: int, interpolation: str) -> ResizedImages:
    """The data set's images at a short side of ``side``, from the store or resized now.

    Stores lie in ``<home>/resized/<data set>/``; their key holds the data fingerprint, the order
    of the images, side and interpolation. One process makes it, others wait.

    Args:
        dataset: of images.
        side: short side, pixels; smaller images are enlarged, as torchvision's Resize does.
        interpolation: bilinear, bicubic, ...; Pillow's, with antialiasing.

    Raises:
        DataError: an image that cannot be read, or a data set of vectors.
        OodmlError: the disk is full, or cannot be written.
    """
    inputs = {
        "recipe": _RECIPE,
        "dataset_fingerprint": dataset.fingerprint,
        "image_ids_sha256": sha256_json(list(dataset.image_ids)),
        "side": side,
        "interpolation": interpolation,
    }
    key = sha256_json(inputs)
    folder = oodml_home() / "resized" / dataset.name / f"{side}-{interpolation}-{key[:16]}"
    with clear_disk_errors(f"resizing the images of {dataset.name!r}", folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            try:
                return ResizedImages(folder, key, side, interpolation)
            except IntegrityError as error:
                if folder.exists():
                    console.print(f"resized images made again: {error}", style="yellow")
                    shutil.rmtree(folder)
            unfinished = folder.with_name(folder.name + ".partial")
            sweep_temporaries(unfinished)  # of a call that was killed
            _fill(unfinished, dataset, side, Image.Resampling[interpolation.upper()], key)
            finish(unfinished, {"dataset": dataset.name, **inputs, "key": key})
            (unfinished / _PROGRESS).unlink(missing_ok=True)
            unfinished.rename(folder)
            return ResizedImages(folder, key, side, interpolation)


def resized(image: Image.Image, side: int, filter_: Image.Resampling) -> NDArray[np.uint8]:
    """An RGB image at a short side of ``side``: uint8 [H, W, 3]."""
    width, height = image.size
    scale = side / min(width, height)
    size = max(side, round(width * scale)), max(side, round(height * scale))
    if size[0] * size[1] <= _MOST_PIXELS:
        return np.asarray(image if size == image.size else image.resize(size, filter_))
    longest = _MOST_PIXELS // side
    kept = min(size[0], longest), min(size[1], longest)
    left, top = ((whole - part) // 2 for whole, part in zip(size, kept, strict=True))
    across, down = width / size[0], height / size[1]
    box = (left * across, top * down, (left + kept[0]) * across, (top + kept[1]) * down)
    return np.asarray(image.resize(kept, filter_, box))


def _fill(
    folder: Path, dataset: ClassDataset, side: int, filter_: Image.Resampling, key: str
) -> None:
    rows, sizes = len(dataset), _continued(folder, key)

    def one(index: int) -> NDArray[np.uint8]:
        return resized(dataset.load_image(index), side, filter_)

    with (
        open(folder / PIXELS, "r+b") as pixels,
        open(folder / INDEX, "r+b") as index,
        ThreadPoolExecutor(max(2, available_threads())) as pool,
        progress_task(f"resizing {dataset.name} to {side} px", rows) as task,
    ):
        pixels.truncate(sizes["pixels"])
        index.truncate(sizes["rows"] * ROW.itemsize)
        pixels.seek(0, os.SEEK_END)
        index.seek(0, os.SEEK_END)
        task.advance(sizes["rows"])
        for start in range(sizes["rows"], rows, _BLOCK):
            block = range(start, min(start + _BLOCK, rows))
            for image in pool.map(one, block):
                _append(image, pixels, index, task)
            for file in (pixels, index):
                file.flush()
                os.fsync(file.fileno())
            state = {"key": key, "rows": block.stop, "pixels": pixels.tell()}
            write_json(folder / _PROGRESS, state)


def _append(image: NDArray[np.uint8], pixels: BinaryIO, index: BinaryIO, task: Task) -> None:
    content = np.ascontiguousarray(image).data
    pixels.write(content)
    row = (image.shape[0], image.shape[1], zlib.crc32(content))
    index.write(np.array([row], ROW).tobytes())
    task.advance()


def _continued(folder: Path, key: str) -> dict[str, int]:
    """Rows and bytes that an unfinished store holds for sure; what it has beyond is written anew."""
    try:
        state: dict[str, Any] = json.loads((folder / _PROGRESS).read_text())
        enough = (folder / PIXELS).stat().st_size >= state["pixels"]
        index = (folder / INDEX).stat().st_size >= state["rows"] * ROW.itemsize
        if state["key"] == key and enough and index:
            return {"rows": int(state["rows"]), "pixels": int(state["pixels"])}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (PIXELS, INDEX):
        (folder / name).touch()
    return {"rows": 0, "pixels": 0}
