"""Data sets: named images (or vectors) with class names and a content fingerprint.

A new data set is one file in this folder with one ``@register_dataset("name")`` function; a new
way of reading files users have is one file with one ``@register_kind("name")`` class.
"""

from oodml.datasets.base import ClassDataset, DatasetCard, ImageSource
from oodml.datasets.describe import DatasetSummary, describe
from oodml.datasets.registry import list_datasets, load_dataset, register_dataset, register_kind

__all__ = [
    "ClassDataset",
    "DatasetCard",
    "DatasetSummary",
    "ImageSource",
    "describe",
    "list_datasets",
    "load_dataset",
    "register_dataset",
    "register_kind",
]
