"""Augmentation: what a training image goes through before it is normalised, as a named recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

import numpy as np
from PIL import Image

from oodml.core.errors import UsageError
from oodml.core.parameters import Parametrised
from oodml.core.registry import Registry
from oodml.features.preprocessing import Preprocessing
from oodml.training.settings import TrainingSettings

DEFAULT_AUGMENTATION = "random-resized-crop"


class Augmentation(Parametrised):
    """Base of all recipes; a subclass gives ``view``. Called by several threads at once.

    Class attributes:
        varies: whether two views of an image differ.
    """

    owner_kind = "augmentation"
    varies: ClassVar[bool] = True

    def view(
        self, image: Image.Image, preprocessing: Preprocessing, rng: np.random.Generator
    ) -> Image.Image:
        """One random view.

        Args:
            image: RGB, of any size; not to be changed in place.
            preprocessing: the backbone's; the view is normalised as it says afterwards.
            rng: the only source of randomness.

        Returns:
            An RGB image of ``preprocessing.size`` squared.
        """
        raise NotImplementedError


A = TypeVar("A", bound=type[Augmentation])
_registry: Registry[type[Augmentation]] = Registry(
    "augmentation", packages=("oodml.training.augmentations",), base=Augmentation
)


def register_augmentation(name: str) -> Callable[[A], A]:
    """Class decorator: make an Augmentation available as ``name``."""
    return _registry.register_class(name)


def augmentation_class(name: str) -> type[Augmentation]:
    """The class registered as ``name``; UsageError with near names when there is none."""
    return _registry.get(name)


def create_augmentation(name: str, /, **options: object) -> Augmentation:
    """A recipe by name; UsageError for an unknown name or option."""
    return augmentation_class(name)(**options)


def list_augmentations() -> list[str]:
    return _registry.names()


def augmentation_of(settings: TrainingSettings) -> Augmentation:
    """The recipe that training settings name.

    ``min_crop`` and ``flip`` are options of ``random-resized-crop`` that stand among the settings.

    Raises:
        UsageError: an unknown recipe or option, or an option that stands elsewhere.
    """
    name, options = settings.augmentation, settings.augmentation_options
    if name != DEFAULT_AUGMENTATION:
        return create_augmentation(name, **options)
    if options:
        raise UsageError(
            f"augmentation {name!r} has no table of options; give training.min_crop and training.flip",
            key="augmentation_options",
        )
    return create_augmentation(name, min_crop=settings.min_crop, flip=settings.flip)
