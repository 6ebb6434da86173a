"""How torch computes during a training: layout, compilation, exact repetition."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.training.settings import TrainingSettings


def check_precision(precision: str, device: torch.device) -> None:
    """UsageError for float16 on a processor, in whose place Fabric would compute bfloat16."""
    if precision == "float16" and device.type == "cpu":
        raise UsageError(
            'precision "float16" is not computed on a processor; use "bfloat16" or "float32", or '
            "another device",
            key="precision",
        )


@contextmanager
def arithmetic(settings: TrainingSettings, trunk: nn.Module) -> Iterator[None]:
    """The settings' way within the block; as it was after it, but for the trunk's memory layout."""
    with ExitStack() as stack:
        if settings.deterministic:
            stack.enter_context(_deterministic())
        if settings.channels_last:
            trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if settings.compile and not isinstance(trunk, nn.Identity):
            stack.enter_context(_compiled(trunk))
        yield


def laid_out(inputs: Tensor, settings: TrainingSettings) -> Tensor:
    """Images [n, C, H, W] in the settings' memory layout; anything else as it is."""
    if settings.channels_last and inputs.ndim == 4:
        return inputs.contiguous(memory_format=torch.channels_last)
    return inputs


@contextmanager
def _compiled(trunk: nn.Module) -> Iterator[None]:
    trunk.compile()  # in place: names in its state dict stay
    try:
        yield
    except RuntimeError as error:  # it compiles when the trunk first computes
        from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

        if not isinstance(error, TorchDynamoException):
            raise
        raise UsageError(
            "training.compile: torch could not compile the backbone here "
            f"({str(error).strip().splitlines()[0]}); use compile = false",
            key="compile",
        ) from error
    finally:
        trunk._compiled_call_impl = None


@contextmanager
def _deterministic() -> Iterator[None]:
    # what cuBLAS reads when it first computes; without it torch refuses matrix products on CUDA
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warned)
