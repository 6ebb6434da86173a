"""Devices by torch's names."""

from __future__ import annotations

from oodml.core.errors import UsageError
from oodml.core.values import shown


def check_torch_device(name: str) -> None:
    """UsageError unless torch can compute on a device here, such as ``cpu`` or ``cuda:1``."""
    import torch

    counts = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0}
    counts["mps"] = int(torch.backends.mps.is_available())
    try:
        asked = torch.device(name)
        there = (asked.index or 0) < counts.get(asked.type, 0)
    except RuntimeError:
        there = False
    if not there:
        here = " or ".join(kind for kind, count in counts.items() if count)
        raise UsageError(
            f"device {shown(name)}: there is none of that name here; expected {here}", key="device"
        )
