"""Run a backbone over a data set, once: cached, resumable, checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from oodml.core.errors import IntegrityError, UsageError
from oodml.core.files import make_folder, oodml_home
from oodml.core.hashing import sha256_json
from oodml.core.progress import console
from oodml.datasets import ClassDataset
from oodml.features.backbone import Backbone
from oodml.features.compute import copy_vectors, fill_features
from oodml.features.engines import Engine, EngineUnfit, candidates
from oodml.features.engines.choice import AUTO, not_this_one
from oodml.features.engines.precision import PRECISIONS, fabric_of
from oodml.features.engines.verdicts import build_or_recall
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import DEFAULT_BACKBONE, create_backbone
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

    The cache key holds the data fingerprint, the backbone's name and weights, the preprocessing,
    the precision and the engine that computed the rows. An interrupted extraction continues at the
    last flushed batch, with the same engine; a stale or torn entry is rebuilt.

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
    preprocessing = _preprocessing(dataset, network, image_size)
    engines = candidates(engine, place, precision)
    inputs = {
        "dataset": dataset.name,
        "dataset_fingerprint": dataset.fingerprint,
        "backbone": network.name,
        "weights_sha256": network.weights_sha256(),
        "preprocessing": preprocessing.as_manifest() if preprocessing else None,
        "precision": precision,
    }
    if preprocessing is None:
        return _cached(dataset, network, inputs, partial(_fill_with_vectors, dataset))
    for candidate in engines:
        fill = partial(
            _fill, dataset, network, preprocessing, candidate, place, precision, batch_size
        )
        try:
            return _cached(dataset, network, {**inputs, "engine": candidate.identity()}, fill)
        except EngineUnfit as error:
            not_this_one(engine, candidate, f"backbone {network.name!r}", str(error))
    raise AssertionError("the torch engine is never unfit")


def _preprocessing(
    dataset: ClassDataset, network: Backbone, image_size: int | None
) -> Preprocessing | None:
    if network.preprocessing is None:
        if dataset.vectors is None:
            raise UsageError(
                f"backbone {network.name!r} needs a data set of vectors; {dataset.name!r} has images"
            )
        return None
    if dataset.vectors is not None:
        raise UsageError(
            f"data set {dataset.name!r} has vectors, not images: use the backbone 'identity'"
        )
    return network.preprocessing.at_size(image_size)


def _cached(
    dataset: ClassDataset, network: Backbone, inputs: dict[str, Any], fill: Fill
) -> FeatureTable:
    """The table of the entry that ``inputs`` name; ``fill`` makes it where there is none."""
    # The name is for people; equal content under two names may share features.
    key = sha256_json({k: v for k, v in inputs.items() if k != "dataset"})
    folder = oodml_home() / "features" / dataset.name / f"{network.name}-{key[:16]}"
    make_folder(folder.parent)
    rows = len(dataset.image_ids)
    with FileLock(folder.with_name(folder.name + ".lock")):
        try:
            features, manifest = open_cache(folder, key, rows)
        except IntegrityError as error:
            if folder.exists():
                console.print(f"feature cache rebuilt: {error}", style="yellow")
                shutil.rmtree(folder)
            unfinished = folder.with_name(folder.name + ".partial")
            how = fill(unfinished, key)
            about = {"pretraining": network.pretraining, "key": key, "rows": rows}
            finish_cache(unfinished, {**inputs, **how, **about})
            (unfinished / "progress.json").unlink(missing_ok=True)
            unfinished.rename(folder)
            features, manifest = open_cache(folder, key, rows)
    manifest = {**manifest, "dim": int(features.shape[1])}
    return FeatureTable(features, dataset.image_ids, dataset.labels, dataset.class_names, manifest)


def _fill_with_vectors(dataset: ClassDataset, unfinished: Path, key: str) -> dict[str, Any]:
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
