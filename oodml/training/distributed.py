"""The processes of one training. Each runs the trunk on its slice of a batch; all see the whole step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn

from oodml.core.errors import UsageError

T = TypeVar("T")


class Processes:
    """Those of a launched Fabric; one where it was not launched in several.

    Attributes:
        world: how many there are.
        rank: which this is.
        leads: whether it is the one that scores, writes files and decides for all.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.world = fabric.world_size
        self.rank = fabric.global_rank
        self.leads = self.rank == 0
        self._fabric = fabric

    @property
    def several(self) -> bool:
        return self.world > 1

    def rows(self, count: int) -> slice:
        """This process's contiguous share of ``count`` rows; shares differ by one row at most.

        Raises:
            UsageError: there are fewer rows than processes.
        """
        begin, end = self._bounds(count, self.rank)
        return slice(begin, end)

    def _bounds(self, count: int, rank: int) -> tuple[int, int]:
        if count < self.world:
            raise UsageError(
                f"a batch of {count} rows cannot be shared by {self.world} processes; use a larger "
                "training.batch_size or fewer devices"
            )
        return count * rank // self.world, count * (rank + 1) // self.world

    def gathered(self, local: Tensor, count: int) -> Tensor:
        """The rows of all processes [count, ...] from this one's [n, ...]; without gradients.

        Gradients go back by hand, see `oodml.training.trunk`: what is computed from the gathered
        rows is the same in every process, so each finds its own rows' whole gradient there.
        """
        if not self.several:
            return local.detach()
        bounds = [self._bounds(count, rank) for rank in range(self.world)]
        longest = max(end - begin for begin, end in bounds)
        padded = local.new_zeros((longest, *local.shape[1:]))
        padded[: len(local)] = local.detach()
        parts = [torch.empty_like(padded) for _ in bounds]
        dist.all_gather(parts, padded)
        return torch.cat(
            [part[: end - begin] for part, (begin, end) in zip(parts, bounds, strict=True)]
        )

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum each gradient over the processes: contributions of slices to one loss."""
        self._reduce([p.grad for p in parameters if p.grad is not None], 1.0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """The mean of gradients that are the same but for rounding, so that weights stay the same."""
        self._reduce([p.grad for p in parameters if p.grad is not None], 1.0 / self.world)

    def _reduce(self, gradients: list[Tensor], factor: float) -> None:
        if not self.several:
            return
        for kind in dict.fromkeys(one.dtype for one in gradients):
            alike = [one for one in gradients if one.dtype == kind]
            flat = torch.cat([one.reshape(-1) for one in alike])  # one message, not hundreds
            dist.all_reduce(flat)
            flat *= factor
            parts = flat.split([one.numel() for one in alike])
            for one, part in zip(alike, parts, strict=True):
                one.copy_(part.view_as(one))

    def align(self, *modules: nn.Module) -> None:
        """Give all processes the leading one's parameters and buffers."""
        if not self.several:
            return
        for module in modules:
            for one in module.state_dict().values():
                if isinstance(one, Tensor):
                    sent = one.contiguous()  # a copy where the layout is another
                    dist.broadcast(sent, 0)
                    one.copy_(sent)

    def decided(self, value: T) -> T:
        """What the leading process says."""
        return self._fabric.broadcast(value) if self.several else value
