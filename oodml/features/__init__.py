"""Data set + backbone -> FeatureTable, cached under a key of every input."""

from oodml.features.backbone import Backbone, maps_and_features
from oodml.features.extract import extract_features
from oodml.features.registry import create_backbone, list_backbones, register_backbone
from oodml.features.table import FeatureTable

__all__ = [
    "Backbone",
    "FeatureTable",
    "create_backbone",
    "extract_features",
    "list_backbones",
    "maps_and_features",
    "register_backbone",
]
