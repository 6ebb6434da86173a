"""The report of a training whose loss is not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from oodml.core.errors import OodmlError
from oodml.methods import Step


class TrainingFailed(OodmlError):
    """The loss became NaN or infinite."""


@torch.no_grad()
def not_finite(
    step: Step,
    values: Mapping[str, Tensor],
    total: float,
    last: float | None,
    rates: Mapping[str, float],
    modules: Mapping[str, nn.Module],
) -> TrainingFailed:
    """What to raise: step, rate, which term, the last finite loss, embeddings and gradients.

    Args:
        values: the summands of the loss.
        last: loss of the step before; None at the first.
        modules: whose gradients of the step before may say where it began.
    """
    rate = rates.get("head", next(iter(rates.values()), math.nan))
    broken = [f"{name!r} ({v.item()})" for name, v in values.items() if not torch.isfinite(v)]
    parts = [
        f"not finite: term {', '.join(broken)}"
        if broken
        else "every term is finite, their sum is not",
        f"last finite loss {last:.6g}" if last is not None else "no step before it",
        _of_embeddings(step.embedding),
    ]
    gradient = _largest_gradient(modules)
    if gradient is not None:
        parts.append(gradient)
    return TrainingFailed(
        f"the loss became {total} at step {step.number + 1}; lower the learning rate (now {rate:g}) "
        f"or check the features ({'; '.join(parts)})"
    )


def _of_embeddings(embeddings: Tensor) -> str:
    wrong = int((~torch.isfinite(embeddings).all(dim=1)).sum())
    if wrong:
        return f"{wrong} of {len(embeddings)} embeddings not finite"
    return f"largest embedding norm {embeddings.norm(dim=1).max().item():.4g}"


def _largest_gradient(modules: Mapping[str, nn.Module]) -> str | None:
    """In the update before; None where there was none."""
    found = [
        (one.grad.abs().max().item(), f"{owner}.{name}")
        for owner, module in modules.items()
        for name, one in module.named_parameters()
        if one.grad is not None and one.grad.numel()
    ]
    if not found:
        return None
    value, name = max(found, key=lambda one: math.inf if math.isnan(one[0]) else one[0])
    return f"largest gradient of the update before {value:.4g} ({name})"
