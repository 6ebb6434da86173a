"""Progress with an estimate: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from oodml.core.console import console, say

__all__ = ["Task", "console", "progress_task", "readable_seconds", "track"]

T = TypeVar("T")

_LOG_INTERVAL_S = 10.0


class Task:
    """One running bar; ``advance`` moves it, ``describe`` changes its text."""

    def __init__(self, description: str, total: int | None, progress: Progress | None) -> None:
        self._description = description
        self._total = total
        self._progress = progress
        self._done = 0
        self._start = self._last_line = time.monotonic()
        self._id = progress.add_task(description, total=total) if progress else None

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        if self._progress is not None and self._id is not None:
            self._progress.advance(self._id, steps)
            return
        now = time.monotonic()
        if now - self._last_line >= _LOG_INTERVAL_S:
            self._last_line = now
            self._log(now)

    def describe(self, description: str) -> None:
        self._description = description
        if self._progress is not None and self._id is not None:
            self._progress.update(self._id, description=description)

    def _log(self, now: float) -> None:
        elapsed = now - self._start
        text = f"{self._description}: {self._done}"
        if self._total:
            left = elapsed / max(self._done, 1) * (self._total - self._done)
            text += f"/{self._total}, {elapsed:.0f} s, about {left:.0f} s left"
        say(text, error=True)


_live: Progress | None = None


@contextmanager
def progress_task(description: str, total: int | None = None) -> Iterator[Task]:
    """A progress bar for the block. Bars opened inside another bar's block stack under it."""
    global _live
    if not console.is_terminal:
        yield Task(description, total, None)
        return
    if _live is not None:
        task = Task(description, total, _live)
        try:
            yield task
        finally:
            if task._id is not None:
                _live.remove_task(task._id)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        _live = progress
        try:
            yield Task(description, total, progress)
        finally:
            _live = None


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_task(description, total) as task:
        for item in items:
            yield item
            task.advance()


def readable_seconds(seconds: float) -> str:
    """A duration for people: 0.4 s, 12 s, 3 min, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
