"""oodml: deep metric learning under growing class shift.

Public names are loaded when first used, so that ``import oodml`` and ``oodml --help`` are quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from oodml import _bootstrap  # noqa: F401  settings that must stand before torch is imported
from oodml._version import __version__

if TYPE_CHECKING:
    from oodml.evaluation import evaluate
    from oodml.methods import SphericalConstraint, create_method, list_methods, register_method
    from oodml.runs import run
    from oodml.shift import frechet_distance, generate_ladder, load_ladder

_HOMES = {
    "SphericalConstraint": "oodml.methods",
    "create_method": "oodml.methods",
    "evaluate": "oodml.evaluation",
    "frechet_distance": "oodml.shift",
    "generate_ladder": "oodml.shift",
    "list_methods": "oodml.methods",
    "load_ladder": "oodml.shift",
    "register_method": "oodml.methods",
    "run": "oodml.runs",
}

__all__ = [
    "SphericalConstraint",
    "__version__",
    "create_method",
    "evaluate",
    "frechet_distance",
    "generate_ladder",
    "list_methods",
    "load_ladder",
    "register_method",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'oodml' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
