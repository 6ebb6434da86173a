"""Batch norm over the rows of all processes, for trunks whose batch norm is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from oodml.core.errors import UsageError

_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@contextmanager
def shared_batch_norm(modules: list[nn.Module]) -> Iterator[None]:
    """Within the block these batch norms take their statistics from the rows of all processes.

    On CUDA by torch's SyncBatchNorm; own code elsewhere, where torch has none. The modules stay
    what they are, so names in state dicts do too.

    Raises:
        UsageError: a batch norm of a kind that is not known to be one and nothing else.
    """
    try:
        for module in modules:
            assert isinstance(module, _BatchNorm)
            on_cuda = module.running_mean is not None and module.running_mean.is_cuda
            torchs = nn.SyncBatchNorm.convert_sync_batchnorm(_plain(module)) if on_cuda else None
            module.forward = partial(_forward, module, torchs, _after(module))  # type: ignore[method-assign]
        yield
    finally:
        for module in modules:
            module.__dict__.pop("forward", None)


def _after(module: _BatchNorm) -> Callable[[Tensor], Tensor]:
    """What the module does to normalised values: timm's kind has an activation in it."""
    if type(module) in _PLAIN:
        return lambda values: values
    if type(module).__name__ == "BatchNormAct2d":
        known: Any = module
        return lambda values: known.act(known.drop(values))
    raise UsageError(
        f"batch norm {type(module).__name__} cannot be trained in several processes; use "
        "training.freeze_batch_norm = true, or one device"
    )


def _forward(
    module: _BatchNorm,
    torchs: nn.Module | None,
    after: Callable[[Tensor], Tensor],
    inputs: Tensor,
) -> Tensor:
    if not module.training:
        return after(
            F.batch_norm(
                inputs,
                module.running_mean,
                module.running_var,
                module.weight,
                module.bias,
                training=module.running_mean is None,
                eps=module.eps,
            )
        )
    found: Tensor = torchs(inputs) if torchs is not None else _normalised(module, inputs)
    return after(found)


def _plain(module: _BatchNorm) -> nn.Module:
    """A BatchNorm2d of the same tensors, in training: what torch converts, and knows no subclass of."""
    plain = nn.BatchNorm2d(module.num_features, module.eps, module.momentum, module.affine)
    plain._parameters = module._parameters
    plain._buffers = module._buffers
    plain.track_running_stats = module.track_running_stats
    return plain.train()


def _normalised(module: _BatchNorm, inputs: Tensor) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and variance of all processes' rows."""
    places = [0, *range(2, inputs.ndim)]
    shape = [1, -1, *[1] * (inputs.ndim - 2)]
    values = inputs.float() if inputs.dtype in (torch.float16, torch.bfloat16) else inputs
    count = values.new_tensor([values.numel() / values.shape[1]])
    sums = _summed(torch.cat([values.sum(places), count]))
    total = sums[-1].detach()
    mean = sums[:-1] / total
    centred = values - mean.view(shape)
    variance = _summed(centred.square().sum(places)) / total
    _follow(module, mean.detach(), variance.detach() * total / (total - 1).clamp(min=1))
    found = centred * torch.rsqrt(variance + module.eps).view(shape)
    if module.affine:
        found = found * module.weight.view(shape) + module.bias.view(shape)
    return found.to(inputs.dtype)


@torch.no_grad()
def _follow(module: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics."""
    if module.running_mean is None or module.running_var is None:
        return
    assert module.num_batches_tracked is not None
    module.num_batches_tracked += 1
    share = module.momentum
    if share is None:
        share = 1.0 / float(module.num_batches_tracked)
    module.running_mean.lerp_(mean.to(module.running_mean.dtype), share)
    module.running_var.lerp_(variance.to(module.running_var.dtype), share)


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        # every process's loss share depends on the sum
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _summed(value: Tensor) -> Tensor:
    found: Tensor = _Summed.apply(value)
    return found
