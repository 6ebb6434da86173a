"""Learning rates that a method's own weights have beside that of the embedding."""

from __future__ import annotations

from oodml.core.parameters import Parameter


def own_rate(
    default: float, weights: str, search: tuple[float, float] = (1.0, 1000.0)
) -> Parameter[float]:
    """A hyper-parameter: a factor of the learning rate, for ``weights`` (said in words)."""
    return Parameter(
        default,
        f"times the learning rate, for the {weights}",
        minimum=0.0,
        search=search,
        log=True,
    )
