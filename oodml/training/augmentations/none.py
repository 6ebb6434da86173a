"""No augmentation."""

from __future__ import annotations

import numpy as np
from PIL import Image

from oodml.features.preprocessing import Preprocessing
from oodml.training.augmentation import Augmentation, register_augmentation


@register_augmentation("none")
class NoAugmentation(Augmentation):
    """The evaluation view: every view of an image is the same, as Adapted Deep Embeddings trains."""

    varies = False

    def view(
        self, image: Image.Image, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Image.Image:
        return preprocessing.evaluation_crop(image)
