"""Devices by torch's names."""

from __future__ import annotations

from oodml.core.errors import UsageError
from oodml.core.values import shown


def devices_here() -> dict[str, int]:
    """Kind of device -> how many there are of it on this machine, kinds without any left out."""
    import torch

    counts = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0}
    counts["mps"] = int(torch.backends.mps.is_available())
    return {kind: count for kind, count in counts.items() if count}


def no_such_device(name: str, *others: str) -> UsageError:
    """What to raise for a device there is not; ``others`` may be named besides those there are."""
    here = " or ".join([*others, *devices_here()])
    return UsageError(
        f"device {shown(name)}: there is none of that name here; expected {here}", key="device"
    )


def check_torch_device(name: str) -> None:
    """UsageError unless torch can compute on a device here, such as ``cpu`` or ``cuda:1``."""
    import torch

    try:
        asked = torch.device(name)
        there = (asked.index or 0) < devices_here().get(asked.type, 0)
    except RuntimeError:
        there = False
    if not there:
        raise no_such_device(name)
