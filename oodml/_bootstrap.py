"""Settings that must stand before torch is imported, and a cure for a mismatched torchvision.

Imported first by ``oodml/__init__.py``.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

# With the default (spinning) policy two-thread torch collapses when another process is busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_kept_libraries: list[Any] = []


def import_torchvision() -> Any:
    """Import torchvision, also beside a torch whose build it does not match.

    A torchvision built for CUDA fails to import beside a CPU torch because its compiled operators
    are missing ("operator torchvision::nms does not exist"). oodml and timm use none of them, so
    declaring the two that its import refers to lets the rest work.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import torch

    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept_libraries.append(library)  # the definitions go when the library object does
    return importlib.import_module("torchvision")
