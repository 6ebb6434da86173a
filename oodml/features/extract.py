"""Run a backbone over a data set, once: cached, resumable, checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from oodml.core.disk_errors import clear_disk_errors
from oodml.core.errors import IntegrityError, UsageError
from oodml.core.files import oodml_home, sweep_temporaries
from oodml.core.progress import console
from oodml.datasets import ClassDataset
from oodml.features.backbone import Backbone
from oodml.features.compute import copy_vectors, fill_features, run_on_vectors
from oodml.features.engines import Engine, EngineUnfit, candidates
from oodml.features.engines.choice import AUTO, not_this_one
from oodml.features.engines.precision import PRECISIONS, fabric_of
from oodml.features.engines.verdicts import build_or_recall
from oodml.features.key import feature_inputs, feature_key, with_engine
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import DEFAULT_BACKBONE, backbone_code, create_backbone
from oodml.features.table import FeatureTable, finish_cache, open_cache

__all__ = ["PRECISIONS", "extract_features"]

# What fills the folder of an unfinished entry; it returns what the manifest says of how.
Fill = Callable[[Path, str], dict[str, Any]]


def extract_features(
    dataset: ClassDataset,
    backbone: str = DEFAULT_BACKBONE,
    *,
    image_size: int | None = None,
    batch_size: int = 64,
    device: str = "auto",
    precision: str = "float32",
    engine: str = AUTO,
) -> FeatureTable:
    """Features of every item of ``dataset``, from the cache or computed now.

    The cache key holds the data fingerprint, the backbone's name and weights (and code, of one that
    is neither oodml's nor timm's), the preprocessing, the precision and the engine that computed the
    rows. An interrupted extraction continues at the last flushed batch, with the same engine; a stale
    or torn entry is rebuilt.

    Args:
        dataset: images, or vectors for ``identity``.
        backbone: a registered name or timm ``arch.tag``.
        image_size: side of the network's square input in pixels; None for the backbone's own.
        batch_size: images a forward pass.
        device: Lightning Fabric accelerator: auto, cpu, cuda, mps.
        precision: float32, bfloat16 or float16 arithmetic; rows are stored as float32.
        engine: what runs the network: a name out of ``list_engines()``; ``auto`` for the fastest
            that agrees with torch, see ``create_engine``. The manifest names the one it was.

    Raises:
        UsageError: unknown backbone, precision or engine, or a backbone or engine that does not
            fit.
        DataError: an image that cannot be read; rows that are not finite.
    """
    place = fabric_of(device, precision).device
    network = create_backbone(backbone)
    preprocessing = preprocessing_for(dataset, network, image_size)
    engines = candidates(engine, place, precision)
    inputs = feature_inputs(
        dataset.fingerprint, network, preprocessing, precision, code=backbone_code(backbone)
    )
    if preprocessing is None:
        return _cached(dataset, network, inputs, partial(_fill_with_vectors, dataset, network))
    for candidate in engines:
        fill = partial(
            _fill, dataset, network, preprocessing, candidate, place, precision, batch_size
        )
        try:
            return _cached(dataset, network, with_engine(inputs, candidate), fill)
        except EngineUnfit as error:
            not_this_one(engine, candidate, f"backbone {network.name!r}", str(error))
    raise AssertionError("the torch engine is never unfit")


def preprocessing_for(
    dataset: ClassDataset, network: Backbone, image_size: int | None
) -> Preprocessing | None:
    """What the items of a data set go through; None for vectors.

    Raises:
        UsageError: a backbone on images for vectors, or the other way round.
    """
    check_fits(network, dataset.name, vectors=dataset.vectors is not None)
    if dataset.vectors is not None:
        network.check_vectors(dataset.vectors.shape[1], f"data set {dataset.name!r}")
    return None if network.preprocessing is None else network.preprocessing.at_size(image_size)


def check_fits(network: Backbone, dataset: str, *, vectors: bool) -> None:
    """UsageError for a backbone on images and a data set of vectors, or the other way round."""
    if vectors and network.preprocessing is not None:
        raise UsageError(
            f"data set {dataset!r} has vectors, not images: use the backbone 'identity'"
        )
    if not vectors and network.preprocessing is None:
        raise UsageError(
            f"backbone {network.name!r} needs a data set of vectors; {dataset!r} has images"
        )


def _cached(
    dataset: ClassDataset, network: Backbone, inputs: dict[str, Any], fill: Fill
) -> FeatureTable:
    """The table of the entry that ``inputs`` name; ``fill`` makes it where there is none."""
    key = feature_key(inputs)
    folder = oodml_home() / "features" / dataset.name / f"{network.name}-{key[:16]}"
    rows = len(dataset.image_ids)
    with clear_disk_errors(f"extracting features of {dataset.name!r}", folder):
        return _made_or_opened(dataset, network, inputs, fill, folder, key, rows)


def _made_or_opened(
    dataset: ClassDataset,
    network: Backbone,
    inputs: dict[str, Any],
    fill: Fill,
    folder: Path,
    key: str,
    rows: int,
) -> FeatureTable:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        try:
            features, manifest = open_cache(folder, key, rows)
        except IntegrityError as error:
            if folder.exists():
                console.print(f"feature cache rebuilt: {error}", style="yellow")
                shutil.rmtree(folder)
            unfinished = folder.with_name(folder.name + ".partial")
            sweep_temporaries(unfinished)  # of an extraction that was killed
            how = fill(unfinished, key)
            about = {"pretraining": network.pretraining, "key": key, "rows": rows}
            # The name is for people; equal content under two names may share features.
            finish_cache(unfinished, {"dataset": dataset.name, **inputs, **how, **about})
            (unfinished / "progress.json").unlink(missing_ok=True)
            unfinished.rename(folder)
            features, manifest = open_cache(folder, key, rows)
    manifest = {**manifest, "dim": int(features.shape[1])}
    return FeatureTable(features, dataset.image_ids, dataset.labels, dataset.class_names, manifest)


def _fill_with_vectors(
    dataset: ClassDataset, network: Backbone, unfinished: Path, key: str
) -> dict[str, Any]:
    if network.is_network_on_vectors:
        run_on_vectors(dataset, network, unfinished)
    else:
        copy_vectors(dataset, unfinished)
    return {}


def _fill(
    dataset: ClassDataset,
    network: Backbone,
    preprocessing: Preprocessing,
    candidate: type[Engine],
    place: torch.device,
    precision: str,
    batch_size: int,
    unfinished: Path,
    key: str,
) -> dict[str, Any]:
    """Rows by ``candidate``; EngineUnfit, before any row, where it is not torch's equal."""
    shape = (2, len(preprocessing.mean), preprocessing.size, preprocessing.size)
    # Noise, not images: whether an engine is fit must not depend on the data set.
    example = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    engine = build_or_recall(
        candidate, network.module, network.weights_sha256(), example, place, precision
    )
    libraries = engine.libraries()
    fill_features(
        dataset,
        preprocessing,
        engine,
        network.dim,
        unfinished,
        {"key": key, "libraries": libraries},
        batch_size,
        network.name,
    )
    return {"engine_libraries": libraries, "engine_difference": engine.difference}
