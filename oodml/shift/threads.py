"""BLAS threads for small matrices."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for libraries)
from threadpoolctl import ThreadpoolController

_SMALL = 512


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread(size: int) -> AbstractContextManager[Any]:
    """A block in which BLAS uses one thread, if matrices of side ``size`` are small.

    Decompositions of some hundred rows lose far more in hand-over between threads than they win.
    """
    return _controller().limit(limits=1, user_api="blas") if size <= _SMALL else nullcontext()
