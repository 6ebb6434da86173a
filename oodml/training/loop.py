"""The one training loop: source training, head training and k-shot adaptation all run it.

It knows steps and terms, and no method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from oodml.core.errors import OodmlError, UsageError
from oodml.core.hashing import derived_seed
from oodml.core.randomness import seed_all
from oodml.methods import Step, Term
from oodml.training.checkpoints import Checkpoint
from oodml.training.feed import Batch, Feed
from oodml.training.model import Embedder, Parts
from oodml.training.selection import Selection
from oodml.training.settings import TrainingSettings

_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
_FUSED_ON_CPU = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4)


class TrainingFailed(OodmlError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Trained:
    """How a run ended: updates made, and the step whose weights were kept (None: the last)."""

    steps: int
    kept_step: int | None


def train(
    model: Embedder,
    terms: Mapping[str, Term],
    feed: Feed,
    settings: TrainingSettings,
    fabric: Fabric,
    *,
    parts: Parts = "all",
    selection: Selection | None = None,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trained:
    """Train ``model`` and ``terms`` in place for at most ``settings.steps`` updates.

    Every random choice of a step derives from (seed, step), so a run continued from a checkpoint
    takes the same steps as one that was not interrupted.

    Args:
        terms: the summands of the loss, in the order they are added.
        parts: "all", or "head" to leave the trunk as it is.
        selection: which weights are kept and when to stop; None keeps the last.
        on_step: called with the number of steps done.

    Raises:
        UsageError: a term needs what this run does not have.
        TrainingFailed: the loss is not finite; names the step.
    """
    check_needs(terms, model)
    summands = nn.ModuleDict(terms)
    fabric.to_device(model)
    fabric.to_device(summands)
    optimizer = _optimizer(model, terms, settings, parts)
    state = _Resumable(model, summands, optimizer, selection)
    start, stopped = state.restore(checkpoint)
    done = start
    model.train()
    if parts == "head":
        model.trunk.eval()
    summands.train()
    for term in terms.values():
        term.start(model)
    if selection is not None and start == 0:
        stopped = selection.observe(0, model)  # the start may be the best
    maps = any("maps" in term.needs for term in terms.values())
    for batch in feed.steps(range(start, start if stopped else settings.steps)):
        # for dropout, and whatever a loss draws from
        seed_all(derived_seed("step", feed.seed, batch.number))
        _apply_schedule(optimizer, settings, batch.number)
        with fabric.autocast():
            step = _step(model, batch, fabric, maps=maps)
        for term in terms.values():
            term.before_update(step)
        loss = _sum(terms, step)
        if not torch.isfinite(loss):
            raise TrainingFailed(
                f"the loss became {loss.item()} at step {batch.number + 1}; lower the learning "
                f"rate (now {settings.learning_rate:g}) or check the features"
            )
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        for term in terms.values():
            term.after_update(model, step)
        done = batch.number + 1
        last = done == settings.steps
        if selection is not None and (last or done % settings.evaluate_every == 0):
            stopped = selection.observe(done, model)
        if checkpoint is not None and not last and checkpoint.due():
            checkpoint.save(state.at(done, stopped))
        if on_step is not None:
            on_step(done)
        if stopped:
            break
    model.eval()
    summands.eval()
    return Trained(done, selection.rule.finish(model) if selection is not None else None)


def check_needs(terms: Mapping[str, Term], model: Embedder) -> None:
    """Raise UsageError where a term needs feature maps or a trained trunk and there is none."""
    for name, term in terms.items():
        lacking = sorted({"maps", "trunk"} & term.needs)
        if lacking and not model.trains_trunk:
            what = {"maps": "feature maps", "trunk": "a backbone that is trained"}[lacking[0]]
            raise UsageError(
                f"term {name!r} needs {what}, and cached features have none; use training.mode "
                '"network", or the method\'s option that does without'
            )


def _step(model: Embedder, batch: Batch, fabric: Fabric, *, maps: bool) -> Step:
    inputs = fabric.to_device(batch.inputs)
    features, found = model.features_of(inputs, maps=maps)
    return Step(
        number=batch.number,
        labels=fabric.to_device(batch.labels),
        items=fabric.to_device(batch.items),
        views=fabric.to_device(batch.views),
        support=None if batch.support is None else fabric.to_device(batch.support),
        inputs=inputs,
        features=features,
        maps=found,
        heads=model.heads_of(features),
    )


def _sum(terms: Mapping[str, Term], step: Step) -> Tensor:
    first, *others = terms.values()
    loss: Tensor = first(step)
    for term in others:
        loss = loss + term(step)
    return loss


def _optimizer(
    model: Embedder, terms: Mapping[str, Term], settings: TrainingSettings, parts: Parts
) -> torch.optim.Optimizer:
    groups = model.parameter_groups(settings, parts)
    for term in terms.values():
        for group in term.groups():
            rate = settings.learning_rate * group.factor
            groups.append({"params": group.parameters, "lr": rate})
    for one in groups:
        one["base_lr"] = one["lr"]
    kind = _OPTIMIZERS[settings.optimizer]
    extra: dict[str, Any] = {"momentum": 0.9} if settings.optimizer == "sgd" else {}
    if _FUSED_ON_CPU and all(_on_cpu(group["params"]) for group in groups):
        extra["fused"] = (
            True  # one pass over the weights in place of a dozen: a fifth of a head's step
        )
    return kind(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, **extra)  # type: ignore[call-arg,unused-ignore]


def _on_cpu(parameters: Any) -> bool:
    return all(parameter.device.type == "cpu" for parameter in parameters)


def _apply_schedule(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings, number: int
) -> None:
    if not settings.milestones:
        return
    passed = sum(number >= milestone for milestone in settings.milestones)
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * settings.decay**passed


class _Resumable:
    """Everything a checkpoint holds of a run."""

    def __init__(
        self,
        model: nn.Module,
        terms: nn.Module,
        optimizer: torch.optim.Optimizer,
        selection: Selection | None,
    ) -> None:
        self._model = model
        self._terms = terms
        self._optimizer = optimizer
        self._rule = selection.rule if selection is not None else None

    def at(self, step: int, stopped: bool) -> dict[str, object]:
        return {
            "step": step,
            "stopped": stopped,
            "embedder": self._model.state_dict(),
            "terms": self._terms.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rule": self._rule.state() if self._rule is not None else {},
        }

    def restore(self, checkpoint: Checkpoint | None) -> tuple[int, bool]:
        """Load the checkpoint, if there is one: steps done, and whether the rule had ended it."""
        state = checkpoint.load() if checkpoint is not None else None
        if state is None:
            return 0, False
        self._model.load_state_dict(state["embedder"])
        self._terms.load_state_dict(state["terms"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._rule is not None and state["rule"]:
            self._rule.load_state(state["rule"])
        return int(state["step"]), bool(state["stopped"])
