"""Code of others, called by us: what it raises becomes a message that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oodml.core.errors import OodmlError
from oodml.core.failure_text import failure_text


@contextmanager
def named_failure(kind: str, name: str) -> Iterator[None]:
    """Turn whatever the block raises into an OodmlError that begins with what failed.

    Errors of oodml pass as they are, for they say already what to do.

    Args:
        kind, name: of the registered thing that is called, for instance "metric" and "mine".
    """
    try:
        yield
    except (OodmlError, MemoryError):
        raise
    except Exception as error:
        raise OodmlError(f"{kind} {name!r} failed with {failure_text(error)}") from error
