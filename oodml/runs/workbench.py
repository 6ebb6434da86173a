"""What all cells of a setting share. A worker opens it and only reads; ``prepare`` made it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from oodml.core.errors import IntegrityError, UsageError
from oodml.datasets import ClassDataset, load_dataset
from oodml.datasets.resized import resized_images
from oodml.features.backbone import Backbone
from oodml.features.engines.precision import fabric_of
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import create_backbone
from oodml.runs.items_file import read_items
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.conditions import ConditionContext, get_condition
from oodml.runs.plan.settings import Setting
from oodml.runs.plan.split import ItemTable, Split
from oodml.shift import Ladder
from oodml.shift.ladder.file import read_ladder
from oodml.training import (
    AugmentedImages,
    CachedFeatures,
    ItemSource,
    PlainImages,
    TrainingSettings,
)
from oodml.training.arithmetic import check_precision
from oodml.training.augmentation import Augmentation, augmentation_of


def check_has_layers(backbone: Backbone) -> None:
    """UsageError where there is nothing that a mode other than "head" could use."""
    if backbone.preprocessing is None and not backbone.is_network_on_vectors:
        raise UsageError(
            f"a backbone with layers is needed, and {backbone.name!r} has none: use mode "
            '"head", or a network on vectors',
            key="mode",
        )


@dataclass(frozen=True)
class Workbench:
    """Everything a cell needs besides its own fields.

    Attributes:
        features: float32 [N, D], memory-mapped, row i belongs to ``items.ids[i]``.
        device: Lightning Fabric accelerator.
        weights_sha256: of the backbone that gave the features.
        devices: that train a cell together.
    """

    setting: Setting
    items: ItemTable
    features: NDArray[np.float32]
    ladder: Ladder
    device: str
    weights_sha256: str
    devices: int = 1
    _sources: dict[tuple[Augmentation, int], ItemSource] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls,
        folder: Path,
        setting: Setting,
        device: str = "auto",
        *,
        features: bool = True,
        devices: int = 1,
    ) -> Workbench:
        """Open a prepared setting. Neither data set nor backbone is loaded, and its ladder is
        taken by its hash.

        Args:
            features: False for no rows [0, D], to embed other items where the cache is gone.

        Raises:
            IntegrityError: features or ladder are missing, or not the plan's.
        """
        items, matrix = read_items(folder / setting.items_file)
        if matrix.key != setting.features_key:
            raise IntegrityError(
                f"{folder / setting.items_file}: has features of key {matrix.key[:12]}, the plan "
                f"was made with {setting.features_key[:12]}; `oodml run` makes it again"
            )
        ladder = read_ladder(folder / setting.ladder_folder)
        found = ladder.content_hash()
        if not ladder.sha256 == found == setting.ladder_sha256:
            raise IntegrityError(
                f"{folder / setting.ladder_folder}: ladder {ladder.sha256[:12]} with content "
                f"{found[:12]}, the plan was made with {setting.ladder_sha256[:12]}; `oodml run` makes it again"
            )
        none = np.empty((0, matrix.dim), np.float32)
        rows = matrix.open(len(items.ids)) if features else none
        return cls(setting, items, rows, ladder, device, matrix.weights_sha256, devices)

    def splits(self, condition: str, level: int) -> list[Split]:
        """The splits of a condition on one level, in the order of their draws."""
        return get_condition(condition)(ConditionContext(self.ladder, self.items, (level,)))

    def split(self, cell: Cell) -> Split:
        """The items of a cell."""
        return next(one for one in self.splits(cell.condition, cell.level) if one.draw == cell.draw)

    def fabric(self, settings: TrainingSettings) -> Fabric:
        """A Fabric on one device; UsageError for a precision that it does not compute."""
        fabric = fabric_of(self.device, settings.precision)
        check_precision(settings.precision, fabric.device)
        return fabric

    def source(self, settings: TrainingSettings) -> ItemSource:
        """Inputs of the model in the settings' mode; one of a kind for the workbench's life."""
        if settings.mode == "head":
            return CachedFeatures(self.features)
        if self.preprocessing is None:
            return CachedFeatures(self._network_vectors())
        key = augmentation_of(settings), settings.store
        if key not in self._sources:
            self._sources[key] = self._images(self.preprocessing, *key)
        return self._sources[key]

    def _images(
        self, preprocessing: Preprocessing, augmentation: Augmentation, store: int
    ) -> ItemSource:
        """Small images that nothing augments come from memory; others are decoded each time."""
        if not augmentation.varies and PlainImages.fits_in_memory(len(self.dataset), preprocessing):
            return PlainImages(self.dataset, preprocessing)
        kept = resized_images(self.dataset, store, preprocessing.interpolation) if store else None
        return AugmentedImages(self.dataset, preprocessing, augmentation, kept)

    def _network_vectors(self) -> NDArray[np.float32]:
        """What a network on vectors takes: the data set's own, which nothing augments."""
        check_has_layers(create_backbone(self.setting.backbone))
        assert self.dataset.vectors is not None
        return self.dataset.vectors

    def trunk(self, settings: TrainingSettings) -> nn.Module:
        """What is below the head: nothing on cached features, else a fresh backbone.

        Building one may draw from torch's generator, so it is built anew for every cell.

        Raises:
            IntegrityError: its weights are not those of the features.
        """
        if settings.mode == "head":
            return nn.Identity()
        backbone = create_backbone(self.setting.backbone)
        found = backbone.weights_sha256()
        if found != self.weights_sha256:
            raise IntegrityError(
                f"backbone {backbone.name!r} has weights {found[:12]} here, the features were made with "
                f"{self.weights_sha256[:12]}; weights must be the same in every process: seed them"
            )
        return backbone.module

    @cached_property
    def dataset(self) -> ClassDataset:
        """The data set with its images; cached features need none of them."""
        dataset = load_dataset(self.setting.dataset)
        if dataset.fingerprint != self.setting.dataset_fingerprint:
            raise IntegrityError(
                f"data set {dataset.name!r} has fingerprint {dataset.fingerprint[:12]}, the plan "
                f"was made with {self.setting.dataset_fingerprint[:12]}; run the benchmark again"
            )
        return dataset

    @cached_property
    def preprocessing(self) -> Preprocessing | None:
        """What images go through before the backbone; None for a backbone on vectors."""
        found = create_backbone(self.setting.backbone).preprocessing
        return found.at_size(self.setting.image_size) if found is not None else None
