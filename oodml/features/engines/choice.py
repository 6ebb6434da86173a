"""Which engine runs a network: the fastest that agrees with torch, else torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.progress import console
from oodml.features.engines.engine import Engine, EngineUnfit, engine_class
from oodml.features.engines.precision import fabric_of
from oodml.features.engines.probe import probe

AUTO = "auto"
REFERENCE = "torch"
_FASTEST_FIRST = ("onnxruntime", REFERENCE)


def candidates(name: str, device: torch.device, precision: str) -> list[type[Engine]]:
    """The engines to try, in order; for ``auto`` those that can run there, torch last.

    Raises:
        UsageError: no such engine, or the one asked for cannot run there.
    """
    if name != AUTO:
        asked = engine_class(name)
        objection = asked.objection(device, precision)
        if objection:
            raise UsageError(f"engine {name!r}: {objection}; or use engine 'auto'")
        return [asked]
    known = [engine_class(candidate) for candidate in _FASTEST_FIRST]
    return [engine for engine in known if engine.objection(device, precision) is None]


def build_engine(
    engine: type[Engine], module: nn.Module, example: Tensor, device: torch.device, precision: str
) -> Engine:
    """One engine on ``module``, compared with torch.

    Raises:
        EngineUnfit: it cannot run the module, or its rows are not torch's.
    """
    built = engine(module, example, device, precision)
    if engine.name != REFERENCE:
        reference = engine_class(REFERENCE)(module, example, device, precision)
        built.difference = probe(built, reference, example, precision)
    return built


def create_engine(
    name: str,
    module: nn.Module,
    example: Tensor,
    device: str = "auto",
    precision: str = "float32",
) -> Engine:
    """A network made ready to be run over batches; its weights are copied as they are now.

    Args:
        name: a registered engine; or ``auto``: ``onnxruntime`` on CPUs in float32, where its rows
            are torch's to 1e-4 of the largest feature, and ``torch`` otherwise. A network that
            ``auto`` has to leave to torch is reported on stderr.
        module: float32 [B, ...] -> [B, D].
        example: float32 [B, ...], B >= 2, as the network will be given.
        device: auto, cpu, cuda, mps.
        precision: float32, bfloat16 or float16 arithmetic.

    Returns:
        An engine: ``engine.run(batch)`` gives float32 [B, D] on the CPU for any B, ``engine.name``
        says which one it is.

    Raises:
        UsageError: no such engine, device or precision, or the engine asked for by name cannot run
            the network.

    >>> import torch
    >>> engine = create_engine("torch", torch.nn.Linear(3, 2), torch.zeros(2, 3), device="cpu")
    >>> engine.name, engine.run(torch.ones(5, 3)).shape
    ('torch', torch.Size([5, 2]))
    """
    place = fabric_of(device, precision).device
    for engine in candidates(name, place, precision):
        try:
            return build_engine(engine, module, example, place, precision)
        except EngineUnfit as error:
            not_this_one(name, engine, type(module).__name__, str(error))
    raise AssertionError("the torch engine is never unfit")


def not_this_one(asked: str, engine: type[Engine], network: str, reason: str) -> None:
    """Say that ``engine`` cannot run ``network``: on stderr for ``auto``, else by UsageError."""
    if asked != AUTO:
        raise UsageError(
            f"engine {engine.name!r} cannot run {network}: {reason}; use engine 'auto'"
        )
    console.print(f"{network} runs on torch, not on {engine.name}: {reason}", style="yellow")
