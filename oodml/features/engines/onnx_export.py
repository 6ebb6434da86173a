"""A module as an ONNX graph whose batch may have any length."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn

from oodml.features.engines.engine import EngineUnfit

INPUT, OUTPUT = "inputs", "features"


def exported(module: nn.Module, example: Tensor) -> bytes:
    """The serialised graph of ``module``: input ``inputs`` [B, ...], output ``features`` [B, D].

    torch has two exporters. Tracing takes a quarter of the time and is tried first (torch 2.9 and
    later call it the legacy one); where it fails or is gone, ``torch.export`` is tried. Neither is
    believed: whoever asks compares the graph's rows with the module's.

    Args:
        module: in evaluation mode.
        example: float32 [B, ...] with B >= 2, for a length of 1 would count as a constant.

    Raises:
        EngineUnfit: both failed; the message has both reasons.
    """
    # exporters set flags on the modules they walk through: the caller's stays as it is
    copied = copy.deepcopy(module).cpu().eval().requires_grad_(False)
    reasons = []
    with torch.no_grad(), _quiet():
        for exporter in (_traced, _captured):
            try:
                return exporter(copied, example.cpu())
            except Exception as error:  # anything may be raised from inside a network
                first = (str(error).strip().splitlines() or [""])[0]
                reasons.append(f"{type(error).__name__}: {first}")
    raise EngineUnfit(f"the network cannot be exported to ONNX ({'; '.join(reasons)})")


def _traced(module: nn.Module, example: Tensor) -> bytes:
    file: Any = io.BytesIO()  # taken by the tracer, though its type says a path
    torch.onnx.export(
        module,
        (example,),
        file,
        dynamo=False,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
    )
    return file.getvalue()


def _captured(module: nn.Module, example: Tensor) -> bytes:
    program: Any = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        verbose=False,
    )
    graph: bytes = program.model_proto.SerializeToString()
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters talk to stdout, to loggers and in warnings; none of it is for a user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
