"""Ways to start workers: a registry of executors, one file each.

An executor starts workers that each pull cells by :func:`oodml.runs.work.work`, and passes on what
they say. It never hands out cells.
"""

from oodml.runs.executors.registry import (
    Executor,
    Job,
    get_executor,
    list_executors,
    register_executor,
)

__all__ = ["Executor", "Job", "get_executor", "list_executors", "register_executor"]
