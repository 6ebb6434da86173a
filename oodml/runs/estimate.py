"""How long will it take? A few real steps of each method on made-up inputs, scaled up."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from oodml.features.registry import create_backbone
from oodml.methods import Dims, Method
from oodml.runs.spec import BenchmarkSpec
from oodml.training import Embedder, Feed
from oodml.training.loop import train

_PROBE_STEPS = 3


@dataclass(frozen=True)
class MethodEstimate:
    """One method of a spec.

    Attributes:
        label: the method with its changed hyper-parameters.
        cells: levels x seeds.
        seconds: estimated training time of one cell on one worker.
    """

    label: str
    cells: int
    seconds: float


class _RandomInputs:
    """Inputs of the right shape for timing, standing in for a data set that is not opened."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def training_batch(self, indices: np.ndarray, seed: int) -> Tensor:
        return torch.randn(len(indices), *self._shape)


def estimate(spec: BenchmarkSpec, levels: int, threads: int) -> list[MethodEstimate]:
    """Time ``_PROBE_STEPS`` real updates of every method and scale to the spec's steps.

    Reads neither data set nor features. Adaptation steps are counted, evaluation is not.
    """
    torch.set_num_threads(threads)
    backbone = create_backbone(spec.features.backbone)
    settings = spec.training
    network = settings.mode == "network" and backbone.preprocessing is not None
    feature_dim = backbone.dim or settings.embedding_dim
    shape: tuple[int, ...] = (feature_dim,)
    if network and backbone.preprocessing is not None:
        view = backbone.preprocessing.at_size(spec.features.image_size)
        shape = (len(view.mean), view.size, view.size)
    fabric = Fabric(accelerator="cpu", devices=1)
    found = []
    for entry in spec.methods:
        method = entry.create()
        seconds = 0.0
        if method.trains:
            trunk = backbone.module if network else nn.Identity()
            dims = Dims(feature_dim, settings.embedding_dim, 0)
            embedder = Embedder.of(method, trunk, dims)
            step = _seconds_a_step(spec, method, embedder, _RandomInputs(shape), fabric)
            seconds = step * (settings.steps + _adaptation_steps(spec, method))
        cells = levels * (len(spec.seeds) if method.trains else 1)
        found.append(MethodEstimate(method.label, cells, seconds))
    return found


def _adaptation_steps(spec: BenchmarkSpec, method: Method) -> int:
    adaptation = method.adaptation()
    if adaptation is None:
        return 0
    shots = [k for k in spec.evaluation.shots if k >= adaptation.minimum_shots]
    return adaptation.steps * len(shots) * spec.evaluation.episodes


def _seconds_a_step(
    spec: BenchmarkSpec, method: Method, embedder: Embedder, inputs: _RandomInputs, fabric: Fabric
) -> float:
    count = spec.training.batch_size
    classes = max(2, count // method.images_per_class)
    labels = np.arange(count * 2, dtype=np.int64) % classes
    terms = method.terms(embedder.dims(classes))
    feed = Feed(inputs, np.arange(len(labels)), labels, method.batches(), count, 0)  # type: ignore[arg-type]
    marks: list[float] = []
    train(
        embedder,
        terms,
        feed,
        spec.training.model_copy(update={"steps": _PROBE_STEPS}),
        fabric,
        on_step=lambda _: marks.append(time.perf_counter()),
    )
    # the first step pays for set-up, the later ones are the rule
    return (marks[-1] - marks[0]) / (len(marks) - 1)
