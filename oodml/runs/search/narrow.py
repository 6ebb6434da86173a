"""A part of a benchmark, to search on."""

from __future__ import annotations

from collections.abc import Sequence

from oodml.runs.plan.spec import BenchmarkSpec, parse_spec


def narrowed(
    spec: BenchmarkSpec, *, levels: Sequence[int] | None = None, seeds: Sequence[int] | None = None
) -> BenchmarkSpec:
    """The same benchmark on these levels and with these seeds; None leaves them as they are.

    Raises:
        UsageError: levels or seeds that a spec cannot have.
    """
    given = {"levels": levels, "seeds": seeds}
    changes = {key: list(value) for key, value in given.items() if value is not None}
    if not changes:
        return spec
    return parse_spec({**spec.resolved(), **changes}, spec.name)
