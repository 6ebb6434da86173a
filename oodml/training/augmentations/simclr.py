"""The views of SimCLR."""

from __future__ import annotations

import numpy as np
from PIL import Image

from oodml.core.parameters import Parameter
from oodml.features.preprocessing import Preprocessing
from oodml.training.augmentation import Augmentation, register_augmentation
from oodml.training.random_views import blurred, cut, grey, jittered, maybe_flipped, random_box


@register_augmentation("simclr")
class SimClr(Augmentation):
    """Crop of share 0.08 to 1, flip, strong colour jitter, grey, blur: for methods of two views.

    With s the strength: brightness, contrast, saturation 0.8 s and hue 0.2 s with probability 0.8;
    grey with 0.2; Gaussian blur of deviation 0.1 to 2 pixels (at 224, scaled with the side) with
    0.5. The paper takes s = 0.5 and no blur on CIFAR. Source: Chen et al., A Simple Framework for
    Contrastive Learning of Visual Representations (ICML 2020), appendix A.
    """

    min_crop = Parameter(0.08, "least area share of a crop", above=0.0, maximum=1.0)
    flip = Parameter(True, "mirror half of the images")
    strength = Parameter(1.0, "s, of the colour jitter", minimum=0.0, search=(0.25, 1.0))
    jitter_share = Parameter(0.8, "share of images with colour jitter", minimum=0.0, maximum=1.0)
    grey_share = Parameter(0.2, "share of images without colour", minimum=0.0, maximum=1.0)
    blur_share = Parameter(0.5, "share of images that are blurred", minimum=0.0, maximum=1.0)

    def view(
        self, image: Image.Image, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Image.Image:
        view = cut(image, random_box(image.size, self.min_crop, rng), preprocessing.size)
        view = maybe_flipped(view, rng) if self.flip else view
        if rng.random() < self.jitter_share:
            s = self.strength
            view = jittered(view, rng, 0.8 * s, 0.8 * s, 0.8 * s, min(0.5, 0.2 * s))
        if rng.random() < self.grey_share:
            view = grey(view)
        if rng.random() < self.blur_share:
            view = blurred(view, float(rng.uniform(0.1, 2.0)) * preprocessing.size / 224)
        return view
