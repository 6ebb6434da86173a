"""Data set + split + method + backbone -> a trained model. The test side is sealed."""

from oodml.training.adaptation import adapt
from oodml.training.batches import batches_of
from oodml.training.checkpoints import Checkpoint
from oodml.training.feed import Feed
from oodml.training.initialise import initialise, initialise_classifiers
from oodml.training.log import TrainingLog
from oodml.training.loop import Trained, TrainingFailed, check_needs, train
from oodml.training.model import Embedder, embed
from oodml.training.moments import Moments
from oodml.training.selection import (
    Scores,
    Selection,
    SelectionRule,
    create_selection_rule,
    list_selection_rules,
    register_selection_rule,
)
from oodml.training.settings import TrainingSettings
from oodml.training.sources import (
    AugmentedImages,
    CachedFeatures,
    ItemSource,
    PlainImages,
    SealedSource,
)
from oodml.training.start import start_from_features

__all__ = [
    "AugmentedImages",
    "CachedFeatures",
    "Checkpoint",
    "Embedder",
    "Feed",
    "ItemSource",
    "Moments",
    "PlainImages",
    "Scores",
    "SealedSource",
    "Selection",
    "SelectionRule",
    "Trained",
    "TrainingFailed",
    "TrainingLog",
    "TrainingSettings",
    "adapt",
    "batches_of",
    "check_needs",
    "create_selection_rule",
    "embed",
    "initialise",
    "initialise_classifiers",
    "list_selection_rules",
    "register_selection_rule",
    "start_from_features",
    "train",
]
