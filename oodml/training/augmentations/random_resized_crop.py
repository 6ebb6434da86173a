"""A random crop, resized, and a flip."""

from __future__ import annotations

import numpy as np
from PIL import Image

from oodml.core.parameters import Parameter
from oodml.features.preprocessing import Preprocessing
from oodml.training.augmentation import Augmentation, register_augmentation
from oodml.training.random_views import cut, maybe_flipped, random_box


@register_augmentation("random-resized-crop")
class RandomResizedCrop(Augmentation):
    """A crop of uniform area share on [min_crop, 1] and ratio 3/4 to 4/3, bilinear, and a flip."""

    min_crop = Parameter(0.16, "least area share of a crop", above=0.0, maximum=1.0)
    flip = Parameter(True, "mirror half of the images")

    def view(
        self, image: Image.Image, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Image.Image:
        view = cut(image, random_box(image.size, self.min_crop, rng), preprocessing.size)
        return maybe_flipped(view, rng) if self.flip else view
