"""What the main optimiser trains, at which rates, and one update of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from oodml.methods import Term
from oodml.training.distributed import Processes
from oodml.training.model import Embedder, Parts
from oodml.training.schedule import rate_factor
from oodml.training.settings import TrainingSettings

_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
_FUSED_ON_CPU = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4)


def parameter_groups(
    model: Embedder, terms: Mapping[str, Term], settings: TrainingSettings, parts: Parts = "all"
) -> list[dict[str, Any]]:
    """Optimiser groups: what is trained, once, with name, rate and weight decay.

    The head at the learning rate, its batch norm without weight decay (as SEC has it); the trunk at
    the backbone's rate, frozen batch norm and parts "head" out; terms as their groups say.
    """
    norms = [one for module in model.head.modules() if isinstance(module, _BatchNorm)
             for one in module.parameters()]  # fmt: skip
    rest = _without(model.head.parameters(), norms)
    frozen = [one for module in model.frozen_norms() for one in module.parameters()]
    trunk = _without(model.trunk.parameters(), frozen) if parts == "all" else []
    decay = settings.weight_decay
    groups = [
        _group("head", rest, settings.learning_rate, decay),
        _group("head norm", norms, settings.learning_rate, 0.0),
        _group("backbone", trunk, settings.backbone_learning_rate, decay),
    ]
    for name, term in terms.items():
        for one in term.groups():
            own = decay if one.weight_decay is None else one.weight_decay
            rate = settings.learning_rate * one.factor
            groups.append(_group(name, one.parameters, rate, own))
    return [group for group in groups if group["params"]]


def _group(
    name: str, parameters: list[nn.Parameter], rate: float, weight_decay: float
) -> dict[str, Any]:
    return {
        "params": parameters,
        "name": name,
        "lr": rate,
        "base_lr": rate,
        "weight_decay": weight_decay,
    }


def _without(parameters: Any, left_out: list[nn.Parameter]) -> list[nn.Parameter]:
    known = {id(one) for one in left_out}
    return [one for one in parameters if id(one) not in known]


class Updates:
    """The main optimiser at work.

    Args:
        processes: whose gradients are put together before each update.
    """

    def __init__(
        self,
        model: Embedder,
        terms: Mapping[str, Term],
        settings: TrainingSettings,
        fabric: Fabric,
        processes: Processes,
        parts: Parts,
    ) -> None:
        kind = _OPTIMIZERS[settings.optimizer]
        extra: dict[str, Any] = {"momentum": 0.9} if settings.optimizer == "sgd" else {}
        groups = parameter_groups(model, terms, settings, parts)
        trained = [one for group in groups for one in group["params"]]
        # a fused one takes back float16's scale itself, which leaves nothing to clip
        scaled = getattr(fabric.strategy.precision, "scaler", None) is not None
        if _FUSED_ON_CPU and not scaled and all(one.device.type == "cpu" for one in trained):
            extra["fused"] = True  # one pass over the weights: a fifth of a head's step
        self._trained = trained
        self.optimizer = kind(groups, lr=settings.learning_rate, **extra)  # type: ignore[call-arg,unused-ignore]
        trunk = {id(one) for one in model.trunk.parameters()}
        self._trunk = [one for one in trained if id(one) in trunk]
        self._others = [one for one in trained if id(one) not in trunk]
        self._settings = settings
        self._fabric = fabric
        self._processes = processes

    def begin(self, number: int) -> None:
        """Set the learning rates of update ``number``."""
        factor = rate_factor(self._settings, number)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor

    @property
    def rates(self) -> dict[str, float]:
        """Learning rate by the group's name; of several of one name that of the last."""
        return {group["name"]: float(group["lr"]) for group in self.optimizer.param_groups}

    def clear(self) -> None:
        """Drop the gradients there are; torch's own way records an event each time."""
        for one in self._trained:
            one.grad = None

    def update(self) -> None:
        """Move the weights by the gradients there are."""
        self._processes.sum_gradients(self._trunk)
        self._processes.average_gradients(self._others)
        strategy = self._fabric.strategy  # its precision has the scaler of float16
        if self._settings.clip_gradient:
            strategy.precision.unscale_gradients(self.optimizer)
            given = [*self._trunk, *self._others]
            nn.utils.clip_grad_norm_(given, self._settings.clip_gradient)
        strategy.optimizer_step(self.optimizer)

    def state(self) -> dict[str, Any]:
        scaler = self._fabric.strategy.precision.state_dict()
        return {"optimizer": self.optimizer.state_dict(), "scaler": scaler}

    def load_state(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["scaler"])
