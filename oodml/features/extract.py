"""Run a backbone over a data set, once: cached, resumable, checked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from lightning_fabric import Fabric
from numpy.typing import NDArray

from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.core.files import oodml_home, write_json
from oodml.core.hashing import sha256_json
from oodml.core.progress import console, progress_task
from oodml.datasets import ClassDataset
from oodml.features.backbone import Backbone
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import DEFAULT_BACKBONE, create_backbone
from oodml.features.table import FeatureTable, finish_cache, open_cache

PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
_DECODERS = 4
_FLUSH_EVERY = 8  # batches between the points an interrupted extraction continues from


def extract_features(
    dataset: ClassDataset,
    backbone: str = DEFAULT_BACKBONE,
    *,
    image_size: int | None = None,
    batch_size: int = 64,
    device: str = "auto",
    precision: str = "float32",
) -> FeatureTable:
    """Features of every item of ``dataset``, from the cache or computed now.

    The cache key holds the data fingerprint, the backbone's name and weights, the preprocessing
    and the precision. An interrupted extraction continues at the last flushed batch; a stale or
    torn entry is rebuilt.

    Args:
        dataset: images, or vectors for ``identity``.
        backbone: a registered name or timm ``arch.tag``.
        image_size: side of the network's square input in pixels; None for the backbone's own.
        batch_size: images a forward pass.
        device: Lightning Fabric accelerator: auto, cpu, cuda, mps.
        precision: float32, bfloat16 or float16 arithmetic; rows are stored as float32.

    Raises:
        UsageError: unknown backbone or precision, or a backbone that does not fit the data set.
        DataError: an image that cannot be read; rows that are not finite.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    network = create_backbone(backbone)
    preprocessing = _preprocessing(dataset, network, image_size)
    inputs = {
        "dataset": dataset.name,
        "dataset_fingerprint": dataset.fingerprint,
        "backbone": network.name,
        "weights_sha256": network.weights_sha256(),
        "preprocessing": preprocessing.as_manifest() if preprocessing else None,
        "precision": precision,
    }
    # The name is for people; equal content under two names may share features.
    key = sha256_json({k: v for k, v in inputs.items() if k != "dataset"})
    folder = oodml_home() / "features" / dataset.name / f"{network.name}-{key[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    rows = len(dataset.image_ids)
    with FileLock(folder.with_name(folder.name + ".lock")):
        try:
            features, manifest = open_cache(folder, key, rows)
        except IntegrityError as error:
            if folder.exists():
                console.print(f"feature cache rebuilt: {error}", style="yellow")
                shutil.rmtree(folder)
            partial = folder.with_name(folder.name + ".partial")
            _compute(dataset, network, preprocessing, partial, key, batch_size, device, precision)
            manifest = {**inputs, "pretraining": network.pretraining, "key": key, "rows": rows}
            finish_cache(partial, manifest)
            (partial / "progress.json").unlink()
            partial.rename(folder)
            features, manifest = open_cache(folder, key, rows)
    manifest = {**manifest, "dim": int(features.shape[1])}
    return FeatureTable(features, dataset.image_ids, dataset.labels, dataset.class_names, manifest)


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


def _compute(
    dataset: ClassDataset,
    network: Backbone,
    preprocessing: Preprocessing | None,
    partial: Path,
    key: str,
    batch_size: int,
    device: str,
    precision: str,
) -> None:
    """Fill ``partial/features.npy``, continuing where an earlier call for ``key`` stopped."""
    rows = len(dataset.image_ids)
    if preprocessing is None:
        assert dataset.vectors is not None
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        np.save(partial / "features.npy", np.ascontiguousarray(dataset.vectors, dtype=np.float32))
        write_json(partial / "progress.json", {"key": key, "rows": rows})
        return
    matrix, done = _open_partial(partial, key, rows, network.dim)
    try:
        fabric = Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"device {device!r}: {error}") from None
    module = fabric.to_device(network.module).eval()
    with progress_task(f"features {dataset.name} / {network.name}", rows) as task:
        task.advance(done)
        batches = _prefetched(dataset, preprocessing, done, batch_size)
        for number, (start, images) in enumerate(batches, start=1):
            with torch.inference_mode(), fabric.autocast():
                output = module(fabric.to_device(images))
            block = output.float().cpu().numpy()
            if not np.isfinite(block).all():
                bad = start + int(np.argmin(np.isfinite(block).all(axis=1)))
                raise DataError(
                    f"backbone {network.name!r} gives NaN or infinite features for image "
                    f"{dataset.image_ids[bad]!r}; try precision float32"
                )
            matrix[start : start + len(block)] = block
            if number % _FLUSH_EVERY == 0:
                matrix.flush()
                write_json(partial / "progress.json", {"key": key, "rows": start + len(block)})
            task.advance(len(block))
    matrix.flush()
    write_json(partial / "progress.json", {"key": key, "rows": rows})


def _open_partial(partial: Path, key: str, rows: int, dim: int) -> tuple[np.memmap, int]:
    progress = partial / "progress.json"
    try:
        state: dict[str, Any] = json.loads(progress.read_text())
        matrix = np.lib.format.open_memmap(partial / "features.npy", mode="r+")
        if state["key"] == key and matrix.shape == (rows, dim) and 0 <= state["rows"] <= rows:
            return matrix, int(state["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    path = partial / "features.npy"
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, dim)), 0


def _prefetched(
    dataset: ClassDataset, preprocessing: Preprocessing, start: int, batch_size: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """Batches of preprocessed images; the next one is decoded while the network runs."""

    def load(index: int) -> NDArray[np.float32]:
        return preprocessing.evaluation_view(dataset.load_image(index))

    starts = range(start, len(dataset.image_ids), batch_size)
    with ThreadPoolExecutor(_DECODERS) as pool:

        def submit(first: int) -> Any:
            last = min(first + batch_size, len(dataset.image_ids))
            return [pool.submit(load, index) for index in range(first, last)]

        pending = submit(starts[0]) if len(starts) else []
        for position, first in enumerate(starts):
            current = pending
            pending = submit(starts[position + 1]) if position + 1 < len(starts) else []
            try:
                yield first, torch.from_numpy(np.stack([job.result() for job in current]))
            except OodmlError:
                for job in pending:
                    job.cancel()
                raise
