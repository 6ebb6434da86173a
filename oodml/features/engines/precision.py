"""Devices and arithmetic, as Lightning Fabric names them."""

from __future__ import annotations

from typing import Any

from lightning_fabric import Fabric

from oodml.core.devices import no_such_device
from oodml.core.errors import UsageError
from oodml.core.values import shown

PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def fabric_of(device: str, precision: str) -> Fabric:
    """A Fabric on one device.

    Args:
        device: a Fabric accelerator: auto, cpu, cuda, mps.
        precision: a key of ``PRECISIONS``.

    Raises:
        UsageError: no such precision, or no such device here.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"precision {shown(precision)}: expected one of {', '.join(PRECISIONS)}")
    try:
        return Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])
    except Exception as error:  # of several bases: no such name, none here, a package that lacks
        raise no_such_device(device, "auto") from error
