"""timm's own training views."""

from __future__ import annotations

import numpy as np
from PIL import Image

from oodml.core.parameters import Parameter
from oodml.features.preprocessing import RESAMPLING, Preprocessing
from oodml.training.augmentation import Augmentation, register_augmentation
from oodml.training.random_views import cut, jittered, maybe_flipped, random_box


@register_augmentation("timm")
class Timm(Augmentation):
    """timm's create_transform(is_training=True): crop of share 0.08 to 1, flip, colour jitter 0.4.

    Bilinear or bicubic resampling is drawn anew each time, as there; mean, standard deviation and
    side are the backbone's. Own code, because timm's draws from the interpreter's global generator,
    which threads would share. Source: timm.data.transforms_factory.
    """

    min_crop = Parameter(0.08, "least area share of a crop", above=0.0, maximum=1.0)
    flip = Parameter(True, "mirror half of the images")
    jitter = Parameter(0.4, "strength of brightness, contrast and saturation", minimum=0.0)
    interpolation = Parameter(
        "random",
        "how crops are resized; random draws one of two, backbone takes the backbone's",
        choices=("random", "backbone", "bilinear", "bicubic"),
    )

    def view(
        self, image: Image.Image, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Image.Image:
        box = random_box(image.size, self.min_crop, rng)
        view = cut(image, box, preprocessing.size, self._filter(preprocessing, rng))
        view = maybe_flipped(view, rng) if self.flip else view
        return jittered(view, rng, self.jitter, self.jitter, self.jitter, 0.0)

    def _filter(self, preprocessing: Preprocessing, rng: np.random.Generator) -> Image.Resampling:
        name = self.interpolation
        if name == "random":
            name = ("bilinear", "bicubic")[int(rng.integers(2))]
        return RESAMPLING[preprocessing.interpolation if name == "backbone" else name]
