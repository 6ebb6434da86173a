"""A Fabric for one of several processes on this machine that somebody has started."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import ClusterEnvironment
from lightning_fabric.strategies import DDPStrategy

from oodml.core.errors import UsageError
from oodml.features.engines.precision import PRECISIONS, fabric_of
from oodml.training.arithmetic import check_precision

# The leading process scores while the others wait; a whole validation side may take its time.
_PATIENCE = timedelta(hours=6)


class _OneOfSeveral(ClusterEnvironment):
    """Says to Fabric what the process was told when it was started."""

    creates_processes_externally = True
    main_address = "127.0.0.1"
    main_port = 0

    def __init__(self, rank: int, world: int, port: int) -> None:
        self._rank = rank
        self._world = world
        self.main_port = port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._world

    def set_world_size(self, size: int) -> None:
        pass

    def global_rank(self) -> int:
        return self._rank

    def set_global_rank(self, rank: int) -> None:
        pass

    def local_rank(self) -> int:
        return self._rank

    def node_rank(self) -> int:
        return 0


@contextmanager
def one_of_several(
    device: str, precision: str, rank: int, world: int, port: int
) -> Iterator[Fabric]:
    """A launched Fabric of process ``rank`` of ``world``; they part when the block ends.

    Args:
        device: Lightning Fabric accelerator: auto, cpu, cuda.
        port: free on this machine, the same for all.

    Raises:
        UsageError: this machine has not so many devices of the kind, or they do not compute in the
            precision.
    """
    check_devices(device, world)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets each process
    strategy = DDPStrategy(cluster_environment=_OneOfSeveral(rank, world, port), timeout=_PATIENCE)
    fabric = Fabric(
        accelerator=kind_of(device),
        devices=world,
        strategy=strategy,
        precision=PRECISIONS[precision],
    )
    check_precision(precision, fabric.device)
    fabric.launch()
    try:
        yield fabric
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def kind_of(device: str) -> str:
    """The accelerator that "auto" is where a training has several processes."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def check_devices(device: str, count: int) -> None:
    """UsageError where ``count`` processes cannot have a device each here."""
    if count == 1:
        return
    fabric_of(device, "float32")
    kind = kind_of(device)
    if kind == "cpu":  # processes share the cores
        return
    there = torch.cuda.device_count() if kind in ("cuda", "gpu") else 1
    if count > there:
        raise UsageError(
            f"devices {count}: this machine has {there} of kind {kind!r}; expected at most {there}",
            key="devices",
        )


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
