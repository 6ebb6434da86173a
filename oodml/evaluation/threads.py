"""A few threads for work that releases the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")


def available_threads() -> int:
    """Cores this process may use, or OMP_NUM_THREADS if that is less."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) > 0 else cores


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products inside run on the calling thread: our own threads are the parallel ones.

    BLAS threads beside them would wait in a spin loop for cores that are taken.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looking for the libraries takes milliseconds: once is enough


def run_in_threads(function: Callable[[T], None], items: Sequence[T]) -> None:
    """``function`` of every item, several at a time; the first error ends it and is raised."""
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
