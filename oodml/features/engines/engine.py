"""Engine: what runs a network over batches; and the registry of engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from oodml.core.registry import Registry


class EngineUnfit(Exception):
    """This engine cannot run this network here; the message says why. Another one may."""


class Engine(ABC):
    """A network ready to be run; it keeps the weights the module has now, in a copy of its own.

    Attributes:
        name: the registered name.
        version: raise it when the engine's rows change by more than rounding; it enters the key
            of cached features.
        tolerance: how far its rows may lie from torch's own, relative to the largest feature;
            they are compared before it is used.
        difference: what that comparison measured; 0 for torch itself.

    Args:
        module: the network, in evaluation mode: float32 [B, ...] -> [B, D].
        example: a batch of at least two items as the network will be given; shape and type count.
        device: where it is to run.
        precision: a key of ``PRECISIONS``.

    Raises:
        EngineUnfit: the network, the machine or a missing package is no good for it.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    tolerance: ClassVar[float] = 1e-4
    difference: float = 0.0

    @abstractmethod
    def __init__(
        self, module: nn.Module, example: Tensor, device: torch.device, precision: str
    ) -> None: ...

    @abstractmethod
    def run(self, batch: Tensor) -> Tensor:
        """float32 [B, ...] of any B >= 1 on the CPU -> features, float32 [B, D] on the CPU."""

    @classmethod
    def objection(cls, device: torch.device, precision: str) -> str | None:
        """Why it cannot run there, or None: found out without building anything."""
        return None

    @classmethod
    def libraries(cls) -> dict[str, str]:
        """Version of each package its rows come from, for the manifest."""
        return {"torch": str(torch.__version__)}

    @classmethod
    def identity(cls) -> dict[str, Any]:
        """What enters the key of cached features."""
        return {"name": cls.name, "version": cls.version, "tolerance": cls.tolerance}


_registry: Registry[type[Engine]] = Registry(
    "engine", packages=("oodml.features.engines",), base=Engine
)


def register_engine(name: str) -> Callable[[type[Engine]], type[Engine]]:
    """Decorator for the class of the engine called ``name``."""

    def add(engine: type[Engine]) -> type[Engine]:
        engine.name = name
        return _registry.register(name)(engine)

    return add


def engine_class(name: str) -> type[Engine]:
    """The engine called ``name``; UsageError with near names when there is none."""
    return _registry.get(name)


def list_engines() -> list[str]:
    """Names of all engines."""
    return _registry.names()
