"""The training views of ooDML."""

from __future__ import annotations

from oodml.training.augmentation import register_augmentation
from oodml.training.augmentations.random_resized_crop import RandomResizedCrop


@register_augmentation("oodml")
class Oodml(RandomResizedCrop):
    """RandomResizedCrop(224) with torchvision's own share of 0.08 to 1, and a flip.

    Source: released code of Milbich et al., NeurIPS 2021, which takes both from Roth et al. 2020.
    The side is the backbone's.
    """

    min_crop = RandomResizedCrop.min_crop.with_default(0.08)
