"""How long will it take? A few real steps of each method on made-up inputs, scaled up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from oodml.core.failure_text import failure_text
from oodml.features.registry import Backbone, create_backbone
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.grid import grid
from oodml.runs.plan.methods import PlannedMethod
from oodml.runs.plan.settings import Setting
from oodml.runs.plan.spec import BenchmarkSpec
from oodml.runs.timing import seconds_a_step

# Length of given vectors, which are not opened for an estimate.
_UNKNOWN_DIM = 512


@dataclass(frozen=True)
class MethodEstimate:
    """One method in one setting.

    Attributes:
        label: the method with its changed hyper-parameters and training settings.
        cells: its cells.
        seconds: estimated training time of one cell on one worker; 0 where it could not be timed.
        problem: why it could not be: its cells are likely to fail of it.
    """

    setting: Setting
    label: str
    cells: tuple[Cell, ...]
    seconds: float
    problem: str | None = None


def estimate(
    spec: BenchmarkSpec, settings: Sequence[Setting], threads: int
) -> list[MethodEstimate]:
    """Time a few real updates of every method and scale to its steps.

    Reads neither data set nor features. Adaptation steps are counted, evaluation is not.
    """
    torch.set_num_threads(threads)
    found = []
    timed: dict[tuple[str, int | None, str], tuple[float, str | None]] = {}
    for setting in settings:
        cells = grid(spec, [setting])
        for planned in spec.methods():
            key = setting.backbone, setting.image_size, planned.label
            if key not in timed:
                timed[key] = _timed(spec, planned, setting)
            own = tuple(cell for cell in cells if cell.label == planned.label)
            found.append(MethodEstimate(setting, planned.label, own, *timed[key]))
    return found


def _timed(
    spec: BenchmarkSpec, planned: PlannedMethod, setting: Setting
) -> tuple[float, str | None]:
    """Seconds, or why there are none: a method may be anybody's code, and the others go on."""
    try:
        return _seconds(spec, planned, setting), None
    except Exception as error:
        return 0.0, failure_text(error)


def _seconds(spec: BenchmarkSpec, planned: PlannedMethod, setting: Setting) -> float:
    if not planned.method.trains:
        return 0.0
    backbone = create_backbone(setting.backbone)
    training = planned.training
    dim = backbone.dim or training.embedding_dim or _UNKNOWN_DIM
    shape: tuple[int, ...] = (dim,)
    trunk: nn.Module = nn.Identity()
    if training.mode != "head" and backbone.preprocessing is not None:
        shape, trunk = _image_shape(backbone, setting.image_size), backbone.module
    elif training.mode != "head" and backbone.is_network_on_vectors:
        shape, trunk = (backbone.inputs or _UNKNOWN_DIM,), backbone.module
    step = seconds_a_step(planned.method, training, trunk, dim, shape)
    own = training.steps if planned.method.learns_from_source else 0
    return step * (own + _adaptation(spec, planned))


def _image_shape(backbone: Backbone, image_size: int | None) -> tuple[int, ...]:
    assert backbone.preprocessing is not None
    return backbone.preprocessing.at_size(image_size).shape


def _adaptation(spec: BenchmarkSpec, planned: PlannedMethod) -> int:
    """Most updates on support sets: of every task that adapts, for each number of shots and episode."""
    updates = 0
    for task in spec.tasks():
        for shots, times in task.adaptations().items():
            adaptation = task.adaptation_of(planned.method, shots)
            if adaptation is not None and adaptation.learns(shots):
                updates += adaptation.steps * times
    return updates
