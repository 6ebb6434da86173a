"""An optimiser's moments by the names of what they belong to, to begin another optimiser with."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

Moments = dict[str, dict[str, Any]]


def moments_of(optimizer: torch.optim.Optimizer, model: nn.Module) -> Moments:
    """The optimiser's state of every parameter of ``model`` that it trained, by name; not copied."""
    return {
        name: dict(optimizer.state[parameter])
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
    }


def put_moments(optimizer: torch.optim.Optimizer, model: nn.Module, moments: Moments) -> None:
    """Copies of moments as the state of the parameters of ``model`` that have the same name."""
    trained = {id(one) for group in optimizer.param_groups for one in group["params"]}
    for name, parameter in model.named_parameters():
        if name in moments and id(parameter) in trained:
            optimizer.state[parameter] = {
                key: value.clone() if isinstance(value, torch.Tensor) else value
                for key, value in moments[name].items()
            }
