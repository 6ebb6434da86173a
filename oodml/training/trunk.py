"""A batch through the trunk: at once, in slices over processes, or in parts over time.

Pair losses need the features of a whole batch, but a trunk treats its rows one by one. So where not
all rows go through it together, the features are detached and put together, the loss is taken of
all of them, and its gradient on the features then goes back through each part of the trunk alone.
That is the exact gradient of the whole batch's loss (gradient caching; Gao et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.core.randomness import kept_randomness, seed_all
from oodml.training.distributed import Processes
from oodml.training.model import Embedder


@dataclass(frozen=True)
class Passed:
    """What the trunk gave for all rows of a batch.

    Attributes:
        features: [V*B, F].
        maps: [V*B, C, h, w]; None where they were not asked for.
        back: to be called once after the loss's backward; takes the gradients into the trunk.
    """

    features: Tensor
    maps: Tensor | None
    back: Callable[[], None]


class TrunkPass:
    """Runs a model's trunk on batches.

    Args:
        micro_batch: rows that go through the trunk together; 0 for all of a process's.
        maps: whether feature maps are wanted.
        seed: of the run; what the trunk draws in slices or parts derives from it.

    Raises:
        UsageError: batch norm in training, whose statistics parts of a batch would change.
    """

    def __init__(
        self,
        model: Embedder,
        fabric: Fabric,
        processes: Processes,
        *,
        micro_batch: int,
        maps: bool,
        seed: int,
    ) -> None:
        if micro_batch and model.trained_norms():
            raise UsageError(
                "training.micro_batch: batch norm that is trained would see parts of a batch; use "
                "training.freeze_batch_norm = true, or a larger device without micro batches"
            )
        self._model = model
        self._fabric = fabric
        self._processes = processes
        self._micro_batch = micro_batch
        self._maps = maps
        self._seed = seed

    def __call__(self, number: int, inputs: Tensor, rows: int, *, trained: bool) -> Passed:
        """The trunk's outputs for all rows of step ``number``.

        Args:
            inputs: this process's rows, on its device.
            rows: how many there are in all processes.
            trained: whether gradients are wanted in the trunk.
        """
        size = self._micro_batch
        parts = inputs.split(size) if 0 < size < len(inputs) else (inputs,)
        if len(parts) == 1 and not self._processes.several:
            with torch.set_grad_enabled(trained):
                features, maps = self._forward(inputs)
            return Passed(features, maps, lambda: None)
        again = trained and len(parts) > 1
        given = [
            self._part(number, place, part, graph=trained and not again)
            for place, part in enumerate(parts)
        ]
        local = torch.cat([features for features, _ in given])
        features = self._processes.gathered(local, rows).requires_grad_(trained)
        local_maps, maps = None, None
        if self._maps:
            local_maps = torch.cat([found for _, found in given if found is not None])
            maps = self._processes.gathered(local_maps, rows).requires_grad_(trained)

        def back() -> None:
            own = self._processes.rows(rows) if self._processes.several else slice(0, rows)
            gradients = [
                None if whole is None or whole.grad is None else whole.grad[own]
                for whole in (features, maps)
            ]
            if not again:
                _backward([local, local_maps], gradients)
                return
            begin = 0
            for place, part in enumerate(parts):
                outputs = self._part(number, place, part, graph=True)
                cut = slice(begin, begin + len(part))
                _backward(list(outputs), [None if g is None else g[cut] for g in gradients])
                begin += len(part)

        return Passed(features, maps, back if trained else lambda: None)

    def _part(
        self, number: int, place: int, inputs: Tensor, *, graph: bool
    ) -> tuple[Tensor, Tensor | None]:
        """A part of the rows; the same random choices each time, and others for every part."""
        with kept_randomness(), torch.set_grad_enabled(graph):
            seed_all(derived_seed("trunk", self._seed, number, self._processes.rank, place))
            return self._forward(inputs)

    def _forward(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        with self._fabric.autocast():
            return self._model.features_of(inputs, maps=self._maps)


def _backward(outputs: list[Tensor | None], gradients: list[Tensor | None]) -> None:
    pairs = [
        (output, gradient)
        for output, gradient in zip(outputs, gradients, strict=True)
        if output is not None and gradient is not None and output.requires_grad
    ]
    if pairs:
        torch.autograd.backward([one for one, _ in pairs], [one for _, one in pairs])
