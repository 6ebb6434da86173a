"""Data sets: named images (or vectors) with class names and a content fingerprint.

A new data set that needs no files is one file in ``rendered/`` with one
``@register_dataset("name")`` function; a new way of reading files users have is one file in
``layouts/`` with one ``@register_kind("name")`` class.
"""

from oodml.datasets.base import ClassDataset, DatasetCard, ImageSource
from oodml.datasets.describe import DatasetSummary, describe
from oodml.datasets.load import list_datasets, load_dataset
from oodml.datasets.registry import register_dataset, register_kind

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
