"""Is the compiled CPU path there? Without numba the same numbers come from torch, more slowly."""

from __future__ import annotations

import importlib.util
from functools import cache


@cache
def compiled_loops_available() -> bool:
    """Whether numba can be imported (it may not be there yet for a new Python version)."""
    return importlib.util.find_spec("numba") is not None
