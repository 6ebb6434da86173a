"""Parts of augmentations: random boxes, flips, colours. Pure functions of image and generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

_TRIES = 10
Box = tuple[float, float, float, float]


def random_box(
    size: tuple[int, int],
    min_share: float,
    rng: np.random.Generator,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Box:
    """(left, top, right, bottom) in an image of ``size`` (width, height), whole pixels.

    torchvision's RandomResizedCrop: area share uniform on [min_share, 1], aspect ratio log-uniform
    on ``ratio``, place uniform. Where ten draws do not fit (a strip) the centre square is taken,
    where torchvision takes the largest centre box of an allowed ratio.
    """
    width, height = size
    for _ in range(_TRIES):
        area = width * height * rng.uniform(min_share, 1.0)
        drawn = float(np.exp(rng.uniform(np.log(ratio[0]), np.log(ratio[1]))))
        w, h = round((area * drawn) ** 0.5), round((area / drawn) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def random_box_at(
    size: tuple[int, int], short_side: int, min_share: float, rng: np.random.Generator
) -> Box:
    """``random_box`` of the image resized to a short side, in pixels of the image as it is.

    Resize and then crop, without the first of the two resamplings; an image that has that short
    side already is cut exactly as if it had been resized before.
    """
    width, height = size
    scale = short_side / min(width, height)
    resized = (round(width * scale), round(height * scale))
    left, top, right, bottom = random_box(resized, min_share, rng)
    across, down = width / resized[0], height / resized[1]
    return left * across, top * down, right * across, bottom * down


def cut(
    image: Image.Image, box: Box, size: int, filter_: Image.Resampling = Image.Resampling.BILINEAR
) -> Image.Image:
    """The box, resampled once to ``size`` squared, with antialiasing."""
    return image.resize((size, size), filter_, box=box)


def maybe_flipped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Mirrored with probability 1/2."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def jittered(
    image: Image.Image,
    rng: np.random.Generator,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
) -> Image.Image:
    """torchvision's ColorJitter on an 8-bit image: four changes in random order.

    Each of the first three is multiplied by a factor uniform on [max(0, 1 - strength), 1 + strength];
    the hue is turned by up to ``hue`` of the circle either way.
    """
    changes: list[Callable[[Image.Image], Image.Image]] = []
    for kind, strength in (
        (ImageEnhance.Brightness, brightness),
        (ImageEnhance.Contrast, contrast),
        (ImageEnhance.Color, saturation),
    ):
        if strength:
            factor = float(rng.uniform(max(0.0, 1 - strength), 1 + strength))
            changes.append(lambda one, kind=kind, factor=factor: kind(one).enhance(factor))  # type: ignore[misc]
    if hue:
        turn = float(rng.uniform(-hue, hue))
        changes.append(lambda one: turned(one, turn))
    for place in rng.permutation(len(changes)):
        image = changes[place](image)
    return image


def turned(image: Image.Image, turn: float) -> Image.Image:
    """The hue turned by a share of the circle, in steps of 1/256 as 8 bits hold them."""
    hue, saturation, value = image.convert("HSV").split()
    step = round(turn * 255) % 256
    table = [(level + step) % 256 for level in range(256)]
    return Image.merge("HSV", (hue.point(table), saturation, value)).convert("RGB")


def grey(image: Image.Image) -> Image.Image:
    """Without colour, in three equal channels."""
    return image.convert("L").convert("RGB")


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    """Gaussian blur (Pillow's: extended box blurs) with a standard deviation in pixels."""
    return image.filter(ImageFilter.GaussianBlur(sigma))
