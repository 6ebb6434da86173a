"""faiss as the searcher of galleries too large to be ranked exactly; an optional dependency."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.evaluation.inputs.frame import Similarity

# Below this many items an inverted file saves nothing over looking at all of them.
_FLAT_UP_TO = 20_000
# faiss wants 39 training rows a list at least, and does not profit from more than 256.
_ROWS_A_LIST = 39
_TRAINING_ROWS_A_LIST = 64


def import_faiss() -> Any:
    """The faiss module; UsageError that says how to get it."""
    try:
        import faiss
    except ImportError as error:
        raise UsageError(
            'approximate search needs faiss: pip install "oodml[faiss]" '
            f'(NVIDIA GPUs: "oodml[gpu]"); importing it failed with: {error}'
        ) from None
    return faiss


def index_description(index: str, gallery_size: int) -> str:
    """The faiss factory string that ``index`` stands for.

    "auto" is "Flat" up to 20,000 items, then an inverted file of 4 sqrt(G) lists, fewer where
    there would be less than 39 items a list.

    >>> index_description("auto", 1_000_000)
    'IVF4000,Flat'
    """
    if index != "auto":
        return index
    if gallery_size <= _FLAT_UP_TO:
        return "Flat"
    return f"IVF{min(round(4 * gallery_size**0.5), gallery_size // _ROWS_A_LIST)},Flat"


def create_index(
    description: str, dim: int, similarity: Similarity, probes: int, device: str
) -> Any:
    """An empty faiss index; UsageError for a description faiss does not know.

    Args:
        description: a faiss factory string.
        probes: lists of an inverted file to look into for a query; without effect on others.
        device: "cpu" or "cuda:0" and so on (needs a faiss built for GPUs).
    """
    faiss = import_faiss()
    metric = faiss.METRIC_L2 if similarity == "euclidean" else faiss.METRIC_INNER_PRODUCT
    try:
        index = faiss.index_factory(dim, description, metric)
    except RuntimeError as error:
        raise UsageError(
            f"index {description!r}: faiss cannot make it for {dim} columns and {similarity} "
            f"({str(error).splitlines()[-1]}); try auto, Flat or IVF1024,Flat"
        ) from None
    if "IVF" in description:
        faiss.extract_index_ivf(index).nprobe = probes
    return index if device == "cpu" else _on_gpu(faiss, index, device)


def training_rows(description: str, gallery_size: int) -> NDArray[np.int64]:
    """Which gallery rows an index learns its lists from: sorted int64, drawn with a fixed seed."""
    lists = int(found[1]) if (found := re.search(r"IVF(\d+)", description)) else 1024
    count = min(gallery_size, max(_TRAINING_ROWS_A_LIST * lists, 10_000))
    return np.sort(np.random.default_rng(0).choice(gallery_size, count, replace=False))


def _on_gpu(faiss: Any, index: Any, device: str) -> Any:
    if not (found := re.fullmatch(r"cuda(?::(\d+))?", device)):
        raise UsageError(f"device {device!r}: expected cpu, cuda or cuda:0")
    if not hasattr(faiss, "StandardGpuResources") or faiss.get_num_gpus() == 0:
        raise UsageError(
            f"device {device!r}: this faiss has no GPU; "
            'use device="cpu", or pip install "oodml[gpu]" on a machine with an NVIDIA GPU'
        )
    resources = faiss.StandardGpuResources()
    moved = faiss.index_cpu_to_gpu(resources, int(found[1] or 0), index)
    moved.referenced_resources = resources  # the index does not keep them alive itself
    return moved
