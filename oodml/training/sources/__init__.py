"""Where a step's inputs come from: cached features, augmented images; and the seal."""

from oodml.training.sources.features import CachedFeatures
from oodml.training.sources.images import AugmentedImages
from oodml.training.sources.plain import PlainImages
from oodml.training.sources.sealed import SealedSource
from oodml.training.sources.source import ItemSource, training_slice

__all__ = [
    "AugmentedImages",
    "CachedFeatures",
    "ItemSource",
    "PlainImages",
    "SealedSource",
    "training_slice",
]
