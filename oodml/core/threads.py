"""Threads: how many there are, work that runs in several, and BLAS held to one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

# Measured at 2048: eigenvalues in 1.2 s with one thread, 3 to 8 s with two on a busy machine.
_SMALL = 4096


def available_threads() -> int:
    """Cores this process may use, or OMP_NUM_THREADS if that is less."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) > 0 else cores


def run_in_threads(function: Callable[[T], None], items: Sequence[T]) -> None:
    """``function`` of every item, several at a time; the first error ends it and is raised.

    Worth it only where ``function`` releases the interpreter lock.
    """
    workers = min(available_threads(), len(items))
    if workers < 2:
        for item in items:
            function(item)
        return
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(function, item) for item in items]
        try:
            for one in running:
                one.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products inside run on the calling thread: our own threads are the parallel ones.

    BLAS threads beside them would wait in a spin loop for cores that are taken.
    """
    with _controller("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
        yield


@contextmanager
def one_decomposition_thread(side: int) -> Iterator[None]:
    """Decompositions inside run on one thread, unless matrices of this side (rows) are huge.

    Decompositions are bound by memory and by many small steps: they lose far more in the hand-over
    between threads than they win, above all when other processes keep the processors busy.
    """
    if side > _SMALL:
        yield
        return
    import scipy.linalg  # noqa: F401  (brings a BLAS of its own, which must be there to be limited)

    with one_blas_thread():
        yield


@cache
def _controller(with_scipy: bool) -> ThreadpoolController:
    """Looks for loaded libraries, which takes milliseconds: once without scipy's, once with it."""
    return ThreadpoolController()
