"""Methods that fail in one of several processes, or at a step; importing this registers them."""

from __future__ import annotations

import os
import signal

import torch
import torch.distributed as dist

from oodml.methods import Dims, Method, Step, Term, register_method


class Failing(Term):
    """The squared norms; goes wrong at step 3."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self._way = way

    def forward(self, step: Step) -> torch.Tensor:
        value = step.embedding.square().mean()
        if step.number == 3 and self._way != "nothing":
            if self._way == "nan":
                return value * float("nan")
            if dist.is_initialized() and dist.get_rank() == 1:
                if self._way == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise ValueError("the second one had enough")
        return value


class _FailingMethod(Method):
    way = ""

    def terms(self, dims: Dims) -> dict[str, Term]:
        return {"fine": Failing("nothing"), "failing": Failing(self.way)}


for _way in ("nan", "killed", "raises"):
    register_method(f"rank-{_way}")(type(f"Rank{_way.title()}", (_FailingMethod,), {"way": _way}))
