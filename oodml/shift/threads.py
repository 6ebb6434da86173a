"""BLAS threads for matrix decompositions."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from threadpoolctl import ThreadpoolController

# Measured at 2048: eigenvalues in 1.2 s with one thread, 3 to 8 s with two on a busy machine.
_SMALL = 4096


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread(size: int) -> AbstractContextManager[Any]:
    """A block in which BLAS uses one thread, unless matrices of side ``size`` are huge.

    Decompositions are bound by memory and by many small steps: they lose far more in the hand-over
    between threads than they win, above all when other processes keep the processors busy.
    """
    return _controller().limit(limits=1, user_api="blas") if size <= _SMALL else nullcontext()
