"""The training views of SEC."""

from __future__ import annotations

import numpy as np
from PIL import Image

from oodml.core.parameters import Parameter
from oodml.features.preprocessing import Preprocessing
from oodml.training.augmentation import Augmentation, register_augmentation
from oodml.training.random_views import cut, maybe_flipped, random_box_at


@register_augmentation("sec")
class Sec(Augmentation):
    """Resize the short side to 256, RandomResizedCrop(227, share 0.16 to 1), and a flip.

    The crop is drawn on the resized image and cut from the original, with one resampling in place
    of two; with ``store = 256`` and bilinear resizing the two of the paper's code are done. Side,
    mean and channel order (BGR of BN-Inception) are the backbone's. Source: released code of Zhang
    et al., NeurIPS 2020.
    """

    resize = Parameter(256, "short side that the crop is drawn on, pixels", minimum=8)
    min_crop = Parameter(0.16, "least area share of a crop", above=0.0, maximum=1.0)
    flip = Parameter(True, "mirror half of the images")

    def view(
        self, image: Image.Image, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Image.Image:
        box = random_box_at(image.size, self.resize, self.min_crop, rng)
        view = cut(image, box, preprocessing.size)
        return maybe_flipped(view, rng) if self.flip else view
