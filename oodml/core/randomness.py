"""Random state of Python, NumPy and torch together: whichever a method draws from, a run repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed ``random``, ``numpy.random`` and ``torch`` with a 63-bit number."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (others draw from it; it takes no more bits)
    if _has_accelerator():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@cache
def _has_accelerator() -> bool:
    """Whether any device but the processor has a generator.

    Where none has, torch.manual_seed notes the seed for devices that might yet be started, with
    the call stack as text: 0.7 ms, a quarter of a step of a head.
    """
    return bool(
        torch.cuda.device_count()  # asks the driver, and starts nothing
        or torch.backends.mps.is_available()
        or (hasattr(torch, "xpu") and torch.xpu.is_available())
    )


@contextmanager
def kept_randomness() -> Iterator[None]:
    """What the block seeds or draws is not seen by the caller, whose streams go on as they were."""
    python, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    # the streams of all devices would be read otherwise, which wakes each of them
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)  # noqa: NPY002
