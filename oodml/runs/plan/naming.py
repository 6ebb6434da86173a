"""Where in a spec an error comes from, put before what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from oodml.core.errors import UsageError


@contextmanager
def naming(prefix: str, default: str | None = None) -> Iterator[None]:
    """Errors of the block say where in the spec they come from: ``prefix.key: message``.

    Args:
        prefix: file and table; one that ends in a space or a point is put before what is said.
        default: the key of errors that name none.
    """
    try:
        yield
    except UsageError as error:
        key = error.key or default
        if prefix.endswith((" ", ".")):
            raise UsageError(f"{prefix}{error}") from None
        raise UsageError(f"{prefix}{f'.{key}' if key else ''}: {error}") from None


def no_twice(names: Sequence[str], where: str) -> None:
    """UsageError where a name stands more than once."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{where}: {twice} stands more than once")
