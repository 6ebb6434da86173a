"""Data set + split + method + backbone -> a trained embedder. The test side is sealed."""

from oodml.training.adaptation import adapt
from oodml.training.loop import TrainingFailed, train
from oodml.training.model import Embedder, embed
from oodml.training.selection import create_selection_rule, list_selection_rules
from oodml.training.settings import TrainingSettings
from oodml.training.sources import AugmentedImages, CachedFeatures, ItemSource, SealedSource

__all__ = [
    "AugmentedImages",
    "CachedFeatures",
    "Embedder",
    "ItemSource",
    "SealedSource",
    "TrainingFailed",
    "TrainingSettings",
    "adapt",
    "create_selection_rule",
    "embed",
    "list_selection_rules",
    "train",
]
