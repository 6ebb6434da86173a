"""Images of a data set resized once and kept, for random access to their pixels."""

from oodml.datasets.resized.making import resized_images
from oodml.datasets.resized.store import ResizedImages

__all__ = ["ResizedImages", "resized_images"]
