"""Embed new images by what a cell of a benchmark trained, exactly as the cell embedded its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import IntegrityError, UsageError
from oodml.datasets import ClassDataset
from oodml.features import create_backbone, extract_features
from oodml.features.extract import PRECISIONS
from oodml.features.key import engine_of_key, feature_inputs
from oodml.features.registry import backbone_code
from oodml.runs.cell_folder import find_cell
from oodml.runs.plan.cell import Cell, cell_from_json
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.plan.settings import Setting
from oodml.runs.run_cell import WEIGHTS_FILE, method_of
from oodml.runs.store.cells import CellStore
from oodml.runs.training_run import TrainedModel, fitted_before, trained_before
from oodml.runs.workbench import Workbench
from oodml.training import AugmentedImages, CachedFeatures, TrainingSettings
from oodml.training.augmentation import augmentation_of


@dataclass(frozen=True)
class CellEmbedder:
    """What turns images into a cell's embeddings; made by :func:`load_embedder`.

    Attributes:
        cell: all that the embedding depends on.
        setting: data set, ladder and backbone of the cell.
        kept_step: the step whose weights were kept; None for the last, or without training.
        device: Lightning Fabric accelerator.
    """

    cell: Cell
    setting: Setting
    kept_step: int | None
    device: str
    _model: TrainedModel | None
    _bench: Workbench

    @property
    def info(self) -> dict[str, Any]:
        """Plain facts: run id, method, backbone, pixels, data set, level, condition, seed, ..."""
        return {
            "run_id": self.cell.run_id,
            "title": self.cell.title,
            "method": self.cell.method,
            "mode": self.cell.training.get("mode", "head"),
            "backbone": self.cell.backbone,
            "image_size": self.setting.image_size,
            "pretraining": self.cell.pretraining,
            "features": self._bench.features.shape[1],
            "dataset": self.cell.dataset,
            "ladder": self.cell.ladder,
            "level": self.cell.level,
            "condition": self.cell.condition,
            "seed": self.cell.seed,
            "kept_step": self.kept_step,
            "protocol": self.cell.protocol,
        }

    def __call__(self, data: ClassDataset | NDArray[Any], *, batch_size: int = 64) -> NDArray[Any]:
        """Embeddings, float32 [N, D], un-normalised, in the order of the items.

        Args:
            data: a data set of images; or vectors [N, F] (an array, or a data set of them), which
                are taken as features of the cell's backbone.
            batch_size: images a forward pass of the frozen backbone.

        Raises:
            UsageError: vectors of another length, or where images were trained on.
            IntegrityError: the backbone gives other features here than when the cell was trained.
            DataError: an image that cannot be read.
        """
        if isinstance(data, ClassDataset) and data.vectors is None:
            if self._whole_network:
                return self._by_network(data)
            return self._by_head(self._features(data, batch_size))
        rows = np.asarray(data.vectors if isinstance(data, ClassDataset) else data, np.float32)
        if self._whole_network and self._bench.preprocessing is not None:
            raise UsageError(
                f"cell {self.cell.run_id} was trained on images: it embeds images, not vectors"
            )
        width = self._width
        if rows.ndim != 2 or rows.shape[1] != width:
            raise UsageError(
                f"cell {self.cell.run_id} reads features of {self.cell.backbone!r}, {width} "
                f"numbers each; got an array {list(rows.shape)}"
            )
        return self._by_head(rows)

    @property
    def _whole_network(self) -> bool:
        return self.cell.training.get("mode", "head") != "head"

    @property
    def _width(self) -> int:
        """Length of the vectors that the model takes."""
        inputs = create_backbone(self.cell.backbone).inputs if self._whole_network else 0
        return inputs or int(self._bench.features.shape[1])

    def _by_head(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._model is None:
            return np.asarray(rows)
        return self._model.embed_from(CachedFeatures(rows), np.arange(len(rows)))

    def _by_network(self, data: ClassDataset) -> NDArray[np.float32]:
        assert self._model is not None
        if self._bench.preprocessing is None:
            raise UsageError(f"backbone {self.cell.backbone!r} takes vectors, not images")
        settings = TrainingSettings(**self.cell.training)
        source = AugmentedImages(data, self._bench.preprocessing, augmentation_of(settings))
        return self._model.embed_from(source, np.arange(len(data)))

    def _features(self, data: ClassDataset, batch_size: int) -> NDArray[np.float32]:
        """Features as the cell's own were made, from the cache or computed now."""
        if self._bench.preprocessing is None:
            raise UsageError(f"backbone {self.cell.backbone!r} takes vectors, not images")
        precision, engine = self._made_by()
        table = extract_features(
            data,
            self.cell.backbone,
            image_size=self.setting.image_size,
            batch_size=batch_size,
            device=self.device,
            precision=precision,
            engine=engine,
        )
        return table.features

    def _made_by(self) -> tuple[str, str]:
        """Precision and engine of the cell's features: the key they have is the one recorded."""
        network = create_backbone(self.cell.backbone)
        inputs = feature_inputs(
            self.cell.dataset_fingerprint,
            network,
            self._bench.preprocessing,
            "float32",
            code=backbone_code(self.cell.backbone),
        )
        for precision in PRECISIONS:
            engine = engine_of_key(self.cell.features_key, {**inputs, "precision": precision})
            if engine is not None:
                return precision, engine
        raise IntegrityError(
            f"backbone {self.cell.backbone!r} gives other features here than those that cell "
            f"{self.cell.run_id} was trained on: its weights, the preprocessing or the inference "
            "engine are of another version; record.json names the packages it was made with"
        )


def load_embedder(
    path: Path | str, cell: str | None = None, *, device: str = "auto"
) -> CellEmbedder:
    """The embedder of a finished cell: trained, fitted, or the frozen backbone.

    Backbone, head and weights are those of the cell's record; the weights' hash is checked.

    Args:
        path: the cell's folder, a file in it, or the benchmark's folder.
        cell: its run id or the beginning of it, where ``path`` is a benchmark's folder.
        device: Lightning Fabric accelerator: auto, cpu, cuda, mps.

    Returns:
        A callable: a data set of images, or an array of features, gives float32 [N, D]; its
        ``info`` says what it is.

    Raises:
        UsageError: no such cell; several where one is meant.
        IntegrityError: the weights are not those of the record, or the method's code or the
            backbone has another version than the cell's.
    """
    folder, run_id = find_cell(Path(path), cell)
    store = CellStore(folder)
    record = store.record(run_id)
    if record is None:
        raise UsageError(f"{store.path(run_id)}: this cell is not finished; `oodml run` goes on")
    found = cell_from_json(record["cell"])
    setting = next((s for s in read_plan(folder).settings if s.id == found.setting), None)
    if setting is None:
        raise IntegrityError(
            f"{folder}: the plan has no setting {found.setting!r} of cell {run_id}"
        )
    bench = Workbench.open(folder, setting, device, features=False)
    model = _model(found, bench, store)
    return CellEmbedder(found, setting, record.get("kept_step"), device, model, bench)


def _model(cell: Cell, bench: Workbench, store: CellStore) -> TrainedModel | None:
    method = method_of(cell)
    if not method.trains and not method.fits:
        return None
    weights = store.file(cell.run_id, WEIGHTS_FILE)
    if weights is None:
        raise IntegrityError(
            f"{store.path(cell.run_id)}: no {WEIGHTS_FILE} was stored of this cell"
        )
    try:
        if method.fits:
            return fitted_before(method, bench, weights)
        return trained_before(cell, method, bench.split(cell), bench, weights)
    except RuntimeError as error:  # torch's, where names or shapes differ
        raise IntegrityError(
            f"{weights}: these weights do not fit method {cell.method!r} and backbone "
            f"{cell.backbone!r} as they are here ({error})"
        ) from None
