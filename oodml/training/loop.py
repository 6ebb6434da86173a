"""The one training loop: source training, head training and k-shot adaptation all run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from oodml.core.errors import OodmlError
from oodml.core.hashing import derived_seed
from oodml.methods import Objective
from oodml.training.checkpoints import Checkpoint
from oodml.training.model import Embedder
from oodml.training.samplers import MPerClassSampler
from oodml.training.selection import SelectionRule, ValidationScore
from oodml.training.settings import TrainingSettings
from oodml.training.sources import ItemSource

_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


class TrainingFailed(OodmlError):
    """The loss became NaN or infinite."""


def train(
    embedder: Embedder,
    objective: Objective,
    source: ItemSource,
    indices: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    fabric: Fabric,
    settings: TrainingSettings,
    steps: int,
    images_per_class: int,
    learning_rate_factor: float,
    seed: int,
    rule: SelectionRule | None = None,
    score: ValidationScore | None = None,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int], None] | None = None,
) -> int | None:
    """Train ``embedder`` and ``objective`` in place for ``steps`` updates.

    Every random choice of a step derives from (seed, step), so a run continued from a checkpoint
    takes the same steps as one that was not interrupted.

    Args:
        indices: int64 [n], items of ``source`` to train on.
        labels: int64 [n], their classes as 0..C-1.
        rule, score: selection rule and validation score; None keeps the last weights.
        on_step: called with the number of steps done.

    Returns:
        The step whose weights were kept, None for the last.

    Raises:
        TrainingFailed: the loss is not finite; names the step.
    """
    device_embedder = fabric.to_device(embedder)
    device_objective = fabric.to_device(objective)
    optimizer = _optimizer(embedder, objective, settings, learning_rate_factor)
    sampler = MPerClassSampler(labels, settings.batch_size, images_per_class, seed)
    start = _restore(checkpoint, embedder, objective, optimizer, rule)
    embedder.train()
    objective.train()
    for step, positions, inputs in _batches(source, sampler, indices, seed, range(start, steps)):
        torch.manual_seed(derived_seed("step", seed, step))  # dropout and the like
        targets = fabric.to_device(torch.from_numpy(labels[positions]))
        with fabric.autocast():
            embeddings = device_embedder(fabric.to_device(inputs))
        loss = device_objective(embeddings, targets)
        if not torch.isfinite(loss):
            raise TrainingFailed(
                f"the loss became {loss.item()} at step {step + 1}; lower the learning rate "
                f"(now {settings.learning_rate * learning_rate_factor:g}) or check the features"
            )
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        done = step + 1
        if (
            rule is not None
            and score is not None
            and rule.needs_validation
            and (done % settings.evaluate_every == 0 or done == steps)
        ):
            rule.observe(done, embedder, score)
        if checkpoint is not None and done < steps and checkpoint.due():
            checkpoint.save(_state(done, embedder, objective, optimizer, rule))
        if on_step is not None:
            on_step(done)
    embedder.eval()
    objective.eval()
    return rule.finish(embedder) if rule is not None else None


def _batches(
    source: ItemSource,
    sampler: MPerClassSampler,
    indices: NDArray[np.int64],
    seed: int,
    steps: range,
) -> Iterator[tuple[int, NDArray[np.int64], Tensor]]:
    """(step, positions, inputs) of each step; the next step's inputs load while this one runs."""

    def load(step: int) -> tuple[NDArray[np.int64], Tensor]:
        positions = sampler.batch(step)
        inputs = source.training_batch(indices[positions], derived_seed("inputs", seed, step))
        return positions, inputs

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(load, steps.start) if len(steps) else None
        for step in steps:
            assert pending is not None
            positions, inputs = pending.result()
            pending = pool.submit(load, step + 1) if step + 1 < steps.stop else None
            yield step, positions, inputs


def _optimizer(
    embedder: Embedder, objective: nn.Module, settings: TrainingSettings, factor: float
) -> torch.optim.Optimizer:
    groups = embedder.parameter_groups(settings, factor)
    own = list(objective.parameters())
    if own:
        scale = factor * float(getattr(objective, "learning_rate_factor", 1.0))
        groups.append({"params": own, "lr": settings.learning_rate * scale})
    kind = _OPTIMIZERS[settings.optimizer]
    extra: dict[str, Any] = {"momentum": 0.9} if settings.optimizer == "sgd" else {}
    return kind(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, **extra)  # type: ignore[call-arg,unused-ignore]


def _state(
    step: int,
    embedder: nn.Module,
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    rule: SelectionRule | None,
) -> dict[str, object]:
    return {
        "step": step,
        "embedder": embedder.state_dict(),
        "objective": objective.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rule": rule.state() if rule is not None else {},
    }


def _restore(
    checkpoint: Checkpoint | None,
    embedder: nn.Module,
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    rule: SelectionRule | None,
) -> int:
    state = checkpoint.load() if checkpoint is not None else None
    if state is None:
        return 0
    embedder.load_state_dict(state["embedder"])
    objective.load_state_dict(state["objective"])
    optimizer.load_state_dict(state["optimizer"])
    if rule is not None and state["rule"]:
        rule.load_state(state["rule"])
    return int(state["step"])
