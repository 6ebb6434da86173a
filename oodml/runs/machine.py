"""What a result was computed with, for its record. None of it is part of a cell's identity."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from oodml._version import __version__

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "timm", "pytorch-metric-learning")


@cache
def package_versions() -> dict[str, str]:
    """Versions of oodml, Python and the packages that compute; those not installed are left out."""
    found = {"oodml": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware(device: str) -> dict[str, Any]:
    """Processor, accelerator and thread count."""
    gpu = device != "cpu" and torch.cuda.is_available()
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "accelerator": torch.cuda.get_device_name() if gpu else None,
    }
