"""What all cells of a benchmark share: data set, features, ladder. Built once a process."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.core.files import read_json, write_json
from oodml.core.progress import console
from oodml.datasets import ClassDataset, load_dataset
from oodml.features import FeatureTable, extract_features
from oodml.features.extract import PRECISIONS
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import create_backbone
from oodml.methods import Dims, Method
from oodml.runs.spec import BenchmarkSpec
from oodml.shift import Ladder, Level, generate_ladder, load_ladder
from oodml.training import AugmentedImages, CachedFeatures, Embedder, ItemSource, TrainingSettings


@dataclasses.dataclass(frozen=True)
class Workbench:
    """Everything a cell needs besides its own fields."""

    dataset: ClassDataset
    table: FeatureTable
    ladder: Ladder
    spec: BenchmarkSpec
    device: str

    @classmethod
    def open(cls, spec: BenchmarkSpec, folder: Path, device: str = "auto") -> Workbench:
        """Load the data set, extract or open its features, generate or open the ladder.

        Raises:
            UsageError: names in the spec that do not exist.
            DataError, IntegrityError: data or files that cannot be used.
        """
        dataset = load_dataset(spec.dataset)
        table = extract_features(
            dataset,
            spec.features.backbone,
            image_size=spec.features.image_size,
            batch_size=spec.features.batch_size,
            precision=spec.features.precision,
            device=device,
        )
        ladder = _ladder(spec, dataset, table, folder / "ladder")
        return cls(dataset, table, ladder, spec, device)

    def level(self, index: int) -> Level:
        return self.ladder.levels[index]

    def level_numbers(self) -> list[int]:
        """The levels the spec asks for; UsageError when the ladder has no such level."""
        if self.spec.levels is None:
            return [level.index for level in self.ladder.levels]
        outside = [i for i in self.spec.levels if not 0 <= i < len(self.ladder.levels)]
        if outside:
            raise UsageError(
                f"levels: {outside[0]} is not in the ladder, "
                f"which has levels 0 to {len(self.ladder.levels) - 1}"
            )
        return sorted(self.spec.levels)

    def level_columns(self) -> dict[int, dict[str, Any]]:
        """Columns about each level for the results table."""
        return {
            level.index: {
                "shift": level.shift,
                "shift_measure": self.ladder.measure,
                "train_classes": len(level.train),
                "val_classes": len(level.val),
                "test_classes": len(level.test),
                "test_images": len(self.items(level.test)[0]),
            }
            for level in self.ladder.levels
        }

    def items(self, classes: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of all images of ``classes``, and their place in ``classes``: int64 [n] each."""
        place = {name: position for position, name in enumerate(classes)}
        position_of_label = np.array(
            [place.get(name, -1) for name in self.table.class_names], dtype=np.int64
        )
        positions = position_of_label[self.table.labels]
        rows = np.flatnonzero(positions >= 0)
        return rows, positions[rows]

    def fabric(self, settings: TrainingSettings) -> Fabric:
        return Fabric(accelerator=self.device, devices=1, precision=PRECISIONS[settings.precision])

    def source(self, settings: TrainingSettings) -> ItemSource:
        """Inputs of the embedder in the settings' mode."""
        if settings.mode == "head":
            return CachedFeatures(self.table.features)
        preprocessing = create_backbone(self.spec.features.backbone).preprocessing
        if preprocessing is None:
            raise UsageError('training.mode "network" needs a backbone on images; use "head"')
        sized: Preprocessing = preprocessing.at_size(self.spec.features.image_size)
        return AugmentedImages(self.dataset, sized, settings.min_crop, settings.flip)

    def embedder(self, method: Method, settings: TrainingSettings) -> Embedder:
        """A fresh embedder; its head's weights come from torch's generator as it stands."""
        from torch import nn

        trunk: nn.Module = nn.Identity()
        if settings.mode == "network":
            trunk = create_backbone(self.spec.features.backbone).module
        dim = self.table.features.shape[1]
        dims = Dims(dim, settings.embedding_dim, 0)
        return Embedder.of(method, trunk, dims, settings.freeze_batch_norm)


def _ladder(
    spec: BenchmarkSpec, dataset: ClassDataset, table: FeatureTable, folder: Path
) -> Ladder:
    """The spec's ladder; a generated one is kept in ``folder`` and reused while it fits."""
    wanted = spec.ladder
    if wanted.path is not None:
        ladder = load_ladder(wanted.path)
        _check_fits(ladder, dataset, wanted.path)
        return ladder
    identity = {**wanted.model_dump(mode="json"), "features": table.key}
    made_from = folder / "made_from.json"
    if made_from.is_file() and read_json(made_from) == identity:
        try:
            return load_ladder(folder)
        except OodmlError as error:
            console.print(f"ladder made again: {error}", style="yellow")
    ladder = generate_ladder(
        table,
        generator=wanted.generator,
        levels=wanted.levels,
        superclass_of=dataset.superclass_of,
        default_split=_start(wanted.start, dataset),
        val_fraction=wanted.val_fraction,
        shots=wanted.shots,
        episodes=wanted.episodes,
        seed=wanted.seed,
        **wanted.options,
    )
    ladder.save(folder)
    write_json(made_from, identity)
    return ladder


def _start(start: str, dataset: ClassDataset) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The partition a generator starts from; None for seeded random halves."""
    if start == "conventional":
        return dataset.default_split
    if start == "halves":
        middle = len(dataset.class_names) // 2
        return dataset.class_names[:middle], dataset.class_names[middle:]
    return None


def _check_fits(ladder: Ladder, dataset: ClassDataset, path: Path) -> None:
    used = {name for level in ladder.levels for name in (*level.train, *level.val, *level.test)}
    missing = sorted(used - set(dataset.class_names))
    if missing:
        raise UsageError(
            f"ladder.path {path}: class {missing[0]!r} (of {len(missing)}) is not in data set "
            f"{dataset.name!r}"
        )
    known = ladder.dataset_fingerprint
    if known and known != dataset.fingerprint:
        raise IntegrityError(
            f"ladder.path {path}: made for data with fingerprint {known[:12]}, but "
            f"{dataset.name!r} here has {dataset.fingerprint[:12]}; make the ladder again or use the same data"
        )
