"""Reading images: from files, and from one memory-mapped array of rendered ones."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, features

from oodml.core.errors import DataError
from oodml.core.in_use import mark_in_use
from oodml.core.regular_files import check_regular_file

# Pillow's names of the formats that are read, whatever a file's ending says. Others (EPS starts an
# interpreter, PSD and FITS are no photographs) are no images here.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "MPO", "DIB")
_OPTIONAL = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}  # not in every Pillow
IMAGE_SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo"}
    | {".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
# The size at which Pillow begins to warn of bombs; 360 MB while it is decoded.
MAX_PIXELS = 89_478_485
_LARGE = 16_000_000
_one_large_at_a_time = threading.Lock()
_ORIENTATION = 0x0112

T = TypeVar("T")


def is_image_name(name: str) -> bool:
    """Whether a file name looks like an image: a known ending, and not hidden (``._x.jpg``)."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def decode_image(path: Path, data: bytes | None = None) -> Image.Image:
    """The image in ``path`` (or in ``data``, its bytes) as RGB, fully decoded.

    Transparent pixels are laid on white; 16-bit greyscale is scaled to 8 bits; of several pictures
    in a file the first stands. The EXIF rotation flag is not applied, as everywhere in the field.

    Raises:
        DataError: missing, no regular file, not an image, truncated, of more than ``MAX_PIXELS``
            pixels, or with pixels that have no meaning as 8-bit colours.
    """
    return _decode(path, data, lambda image: None)[0]


def examine_image(path: Path, data: bytes | None = None) -> tuple[str, ...]:
    """Decode as ``decode_image`` does; the keys of ``REMARKS`` that hold for the file."""
    return _decode(path, data, _remarks)[1]


# What a user should know of files that are read otherwise than a viewer shows them.
REMARKS = {
    "several": "hold several pictures; the first is used",
    "turned": "have an EXIF rotation flag, which is not applied",
}


def _decode(
    path: Path, data: bytes | None, look: Callable[[Image.Image], T]
) -> tuple[Image.Image, T]:
    if data is None:
        check_regular_file(path)
    try:
        with Image.open(path if data is None else io.BytesIO(data), formats=_formats()) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(
                    f"{path}: {width} x {height} pixels, at most {MAX_PIXELS:,} are read; "
                    "make it smaller or remove it"
                )
            with _one_large_at_a_time if width * height > _LARGE else nullcontext():
                image.load()
                return to_rgb(image), look(image)
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: not a readable image ({_unknown(path)}); restore or remove it"
        ) from None
    except Exception as error:
        # Decoders raise almost anything at damaged bytes (OSError, ValueError, SyntaxError,
        # IndexError, struct.error, ...), and none of it is the user's to trace.
        reason = error.strerror if isinstance(error, OSError) and error.errno else str(error)
        raise DataError(
            f"{path}: not a readable image ({reason or type(error).__name__}); restore or remove it"
        ) from None


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _remarks(image: Image.Image) -> tuple[str, ...]:
    found = []
    try:
        if getattr(image, "is_animated", False):
            found.append("several")
        if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
            found.append("turned")
    except Exception:  # a picture that is whole, with broken data beside it
        pass
    return tuple(found)


def _unknown(path: Path) -> str:
    """Pillow may be built without a format that the file's ending names."""
    wanted = Image.registered_extensions().get(path.suffix.lower(), "")
    if wanted in _OPTIONAL and not features.check(_OPTIONAL[wanted]):
        return f"this Pillow reads no {wanted}"
    return "no format that is read here"


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB, transparency on white.

    Raises:
        ValueError: floating point pixels, or whole numbers outside 0..65535.
    """
    if image.mode == "RGB" and not image.has_transparency_data:
        return image.copy()
    if image.mode == "F":
        raise ValueError("floating point pixels; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        pixels = np.asarray(image, dtype=np.float64)
        if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
            raise ValueError("pixels outside 0..65535; save it with 8 or 16 bits")
        eight_bits = np.rint(pixels / 257).astype(np.uint8)
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

    def __init__(self, path: Path, array: NDArray[np.uint8] | None = None) -> None:
        """``array``: the map, where ``open_array(path)`` was called already."""
        self.path = path
        self._array = array

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
    """Memory-map a uint8 image array and mark it in use; DataError when it is not one."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: not a readable array ({error}); delete it to make it again"
        ) from None
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise DataError(f"{path}: holds {array.dtype} {array.shape}, expected uint8 images")
    mark_in_use(path, array)
    return array
