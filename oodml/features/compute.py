"""Filling a feature matrix on disk, continuing where an earlier call stopped."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oodml.core.errors import DataError, UsageError
from oodml.core.files import write_json
from oodml.core.progress import progress_task
from oodml.datasets import ClassDataset
from oodml.features.backbone import Backbone
from oodml.features.batches import image_batches
from oodml.features.engines import Engine
from oodml.features.preprocessing import Preprocessing

_VECTORS_AT_ONCE = 4096
_FLUSH_EVERY = 8  # batches between the points an interrupted extraction continues from


def copy_vectors(dataset: ClassDataset, partial: Path) -> None:
    """``partial/features.npy`` from a data set's own vectors."""
    assert dataset.vectors is not None
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "features.npy", np.ascontiguousarray(dataset.vectors, dtype=np.float32))


def run_on_vectors(dataset: ClassDataset, network: Backbone, partial: Path) -> None:
    """``partial/features.npy`` from a small network on a data set's own vectors.

    Raises:
        UsageError: rows that are not finite or of another length than the network declares.
    """
    assert dataset.vectors is not None
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    blocks = []
    with torch.inference_mode():
        for start in range(0, len(dataset.vectors), _VECTORS_AT_ONCE):
            rows = np.array(dataset.vectors[start : start + _VECTORS_AT_ONCE], np.float32)
            blocks.append(network.module(torch.from_numpy(rows)).numpy())
    features = np.concatenate(blocks)
    if features.shape[1] != network.dim or not np.isfinite(features).all():
        raise UsageError(
            f"backbone {network.name!r} declares {network.dim} finite features and gives "
            f"{features.shape[1]}, or some that are not finite; mend its recipe"
        )
    np.save(partial / "features.npy", features)


def fill_features(
    dataset: ClassDataset,
    preprocessing: Preprocessing,
    engine: Engine,
    dim: int,
    partial: Path,
    stamp: dict[str, Any],
    batch_size: int,
    name: str,
) -> None:
    """Fill ``partial/features.npy``, float32 [N, dim].

    Args:
        dataset, preprocessing, engine, batch_size: what goes through what, how many at a time.
        dim: length of a row.
        partial: folder of the unfinished entry.
        stamp: what the rows depend on, plain JSON. An unfinished matrix with another stamp (other
            inputs, another engine, or another version of its packages) is thrown away.
        name: the backbone's, for messages.

    Raises:
        DataError: an image that cannot be read; a row that is not finite.
        UsageError: rows of another length than ``dim``.
    """
    rows = len(dataset.image_ids)
    matrix, done = _open_partial(partial, stamp, rows, dim)
    progress = partial / "progress.json"
    with progress_task(f"features {dataset.name} / {name} ({engine.name})", rows) as task:
        task.advance(done)
        batches = image_batches(dataset, preprocessing, done, batch_size)
        for number, (start, images) in enumerate(batches, start=1):
            block = engine.run(images).numpy()
            if not np.isfinite(block).all():
                bad = start + int(np.argmin(np.isfinite(block).all(axis=1)))
                raise DataError(
                    f"backbone {name!r} gives NaN or infinite features for image "
                    f"{dataset.image_ids[bad]!r}; try precision float32"
                )
            if block.shape[1] != dim:
                raise UsageError(
                    f"backbone {name!r} declares {dim} features and gives {block.shape[1]} at "
                    f"{preprocessing.size} pixels; use another image size or mend its recipe"
                )
            matrix[start : start + len(block)] = block
            if number % _FLUSH_EVERY == 0:
                matrix.flush()
                write_json(progress, {"stamp": stamp, "rows": start + len(block)})
            task.advance(len(block))
    matrix.flush()
    write_json(progress, {"stamp": stamp, "rows": rows})


def _open_partial(
    partial: Path, stamp: dict[str, Any], rows: int, dim: int
) -> tuple[np.memmap, int]:
    path = partial / "features.npy"
    try:
        state: dict[str, Any] = json.loads((partial / "progress.json").read_text())
        matrix = np.lib.format.open_memmap(path, mode="r+")
        if state["stamp"] == stamp and matrix.shape == (rows, dim) and 0 <= state["rows"] <= rows:
            return matrix, int(state["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    matrix = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, dim))
    if hasattr(os, "posix_fallocate"):
        # Taken at once: a disk that fills up under a memory map ends the process by a signal.
        with open(path, "rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return matrix, 0
