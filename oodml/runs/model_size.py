"""Whether a model fits in this machine's memory, counted before any of it is allocated."""

from __future__ import annotations

import os
from itertools import chain

import torch
from torch import nn

from oodml.core.errors import UsageError
from oodml.features.backbone import Backbone
from oodml.methods import Dims
from oodml.runs.plan.methods import PlannedMethod

# Weights, their gradients and the optimiser's two moments.
_COPIES = 4
_SOME_CLASSES = 100  # how many there are is known later; proxies are few beside a head


def check_size(planned: PlannedMethod, backbone: Backbone) -> None:
    """UsageError where weights, gradients and moments alone would take more than all memory.

    What cannot be laid out without memory is not counted; a backbone on vectors, whose length is
    known with the data, counts as one of 512 columns.
    """
    if not planned.method.trains:
        return
    width = backbone.dim or planned.training.embedding_dim or 512
    dims = Dims(width, planned.training.embedding_dim or width, _SOME_CLASSES)
    try:
        with torch.device("meta"):
            modules = [planned.method.whole_head(dims), *planned.method.terms(dims).values()]
        needed = _COPIES * sum(_bytes(one) for one in modules)
    except Exception:  # anybody's code, and code that computes while it is made
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise UsageError(
            f"method {planned.method.name!r}: training it takes {needed / 2**30:,.0f} GiB for its "
            f"weights alone, this machine has {there / 2**30:,.0f}; use fewer columns"
        )


def _bytes(module: nn.Module) -> int:
    held = chain(module.parameters(), module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in held)
