"""What happens to an image before a backbone sees it, as data (it is part of the cache key)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oodml.core.errors import UsageError

MOST_PIXELS = 4096
RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# 64 MB for a picture being resized. A side of 256 reaches it at 1:256, long after photographs end.
_MOST_RESIZED_PIXELS = 1 << 24


@dataclass(frozen=True)
class Preprocessing:
    """Resize the short side to ``resize``, crop the centre ``size`` square, normalise.

    Attributes:
        size: side of the square network input, pixels.
        resize: short side before the crop, pixels; equal to ``size`` for no crop.
        interpolation: one of nearest, bilinear, bicubic, lanczos (Pillow's, with antialiasing).
        mean, std: per channel, on a [0, 1] scale, in the order of ``channels``.
        channels: "RGB", "BGR" or "L".
        invert: ink becomes 1 and paper 0 (drawings; the Omniglot protocol's white = 1).
    """

    size: int
    resize: int
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"
    invert: bool = False

    def at_size(self, size: int | None) -> Preprocessing:
        """The same with another input size; the crop keeps its share of the image.

        Raises:
            UsageError: fewer than 8 pixels, or more than ``MOST_PIXELS``.
        """
        if size is None or size == self.size:
            return self
        if not 8 <= size <= MOST_PIXELS:
            raise UsageError(
                f"image size {size}: expected 8 to {MOST_PIXELS} pixels a side", key="image_size"
            )
        return replace(self, size=size, resize=round(size * self.resize / self.size))

    def as_manifest(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the network's input."""
        return 1 if self.channels == "L" else 3, self.size, self.size

    def resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) that an image of ``size`` has before the crop."""
        scale = self.resize / min(size)
        return max(self.size, round(size[0] * scale)), max(self.size, round(size[1] * scale))

    def evaluation_view(
        self, image: Image.Image, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """PIL image -> float32 [C, size, size]: resize, centre crop, normalise; into ``out``."""
        return self.normalised(self.evaluation_crop(image), out)

    def evaluation_crop(self, image: Image.Image) -> Image.Image:
        """PIL image -> its centre, ``size`` squared, not normalised."""
        width, height = image.size
        resized = self.resized(image.size)
        left, top = (resized[0] - self.size) // 2, (resized[1] - self.size) // 2
        if resized[0] * resized[1] > _MOST_RESIZED_PIXELS:
            # A strip: resize only the part that is kept, its place in the whole being the same.
            across, down = width / resized[0], height / resized[1]
            box = (left * across, top * down, (left + self.size) * across, (top + self.size) * down)
            return image.resize((self.size, self.size), RESAMPLING[self.interpolation], box)
        if resized != image.size:
            image = image.resize(resized, RESAMPLING[self.interpolation])
        if (left, top) != (0, 0) or resized != (self.size, self.size):
            image = image.crop((left, top, left + self.size, top + self.size))
        return image

    def normalised(
        self, image: Image.Image, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """PIL image of the final size -> float32 [C, H, W]; written to ``out`` where it is given."""
        grey = self.channels == "L"
        raw = np.asarray(image.convert("L" if grey else "RGB"))
        planes = raw[None] if grey else raw.transpose(2, 0, 1)
        if self.channels == "BGR":
            planes = planes[::-1]
        if out is None:
            out = np.empty(planes.shape, np.float32)
        # channel by channel in memory, and in place: a third of the time of one new array a step
        out[...] = np.ascontiguousarray(planes)
        out /= 255
        if self.invert:
            np.subtract(1, out, out=out)
        out -= np.array(self.mean, np.float32)[:, None, None]
        out /= np.array(self.std, np.float32)[:, None, None]
        return out


# BN-Inception with Caffe's weights as SEC runs it: 0..255 minus the mean pixel, blue first.
BN_INCEPTION = Preprocessing(
    size=227,
    resize=256,
    interpolation="bilinear",
    mean=(104 / 255, 117 / 255, 123 / 255),
    std=(1 / 255,) * 3,
    channels="BGR",
)
