"""Reading images: from files, and from one memory-mapped array of rendered ones."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from oodml.core.errors import DataError

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def is_image_name(name: str) -> bool:
    """Whether a file name looks like an image: a known ending, and not hidden (``._x.jpg``)."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def decode_image(path: Path, data: bytes | None = None) -> Image.Image:
    """The image in ``path`` (or in ``data``, its bytes) as RGB, fully decoded.

    Transparent pixels are laid on white; 16-bit greyscale is scaled to 8 bits. The EXIF rotation
    flag is not applied, as everywhere in the field.

    Raises:
        DataError: missing, not an image, truncated, or larger than Pillow's safety limit.
    """
    try:
        with Image.open(io.BytesIO(data) if data is not None else path) as image:
            image.load()
            return to_rgb(image)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: not a readable image (no format Pillow knows); restore or remove it"
        ) from None
    except (
        OSError,
        ValueError,
        SyntaxError,  # Pillow's PNG reader raises it for broken chunks
        EOFError,
        Image.DecompressionBombError,
    ) as error:
        raise DataError(f"{path}: not a readable image ({error}); restore or remove it") from None


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB, transparency on white."""
    if image.mode == "RGB":
        return image.copy()
    if image.mode.startswith("I"):
        pixels = np.asarray(image, dtype=np.float64)
        eight_bits = np.rint(pixels / 257).clip(0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


class FileImages:
    """Images in files below one folder, found by their relative paths."""

    def __init__(self, root: Path, paths: tuple[str, ...]) -> None:
        self.root = root
        self.paths = paths

    def load(self, index: int) -> Image.Image:
        return decode_image(self.root / self.paths[index])


class ArrayImages:
    """Images in one uint8 ``.npy`` file, [N, H, W] greyscale or [N, H, W, 3] RGB, memory-mapped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._array: NDArray[np.uint8] | None = None

    def load(self, index: int) -> Image.Image:
        # Two threads may both open the map the first time; either map serves.
        array = self._array
        if array is None:
            array = self._array = open_array(self.path)
        return Image.fromarray(np.array(array[index])).convert("RGB")

    def __getstate__(self) -> dict[str, Any]:
        # Every worker process opens the map itself; pickling it would copy the pixels.
        return {"path": self.path, "_array": None}


def open_array(path: Path) -> NDArray[np.uint8]:
    """Memory-map a uint8 image array; DataError when it is not one."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: not a readable array ({error}); delete it to make it again"
        ) from None
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise DataError(f"{path}: holds {array.dtype} {array.shape}, expected uint8 images")
    return array
