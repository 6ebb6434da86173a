"""Random state of Python, NumPy and torch together: whichever a method draws from, a run repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed ``random``, ``numpy.random`` and ``torch`` with a 63-bit number."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (others draw from it; it takes no more bits)
    torch.manual_seed(seed)


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
