"""Terms on the norms of embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from oodml.methods.step import Step, full_precision
from oodml.methods.term import Term
from oodml.methods.terms.spherical import SphericalConstraint


class NormTerm(Term):
    """Base of terms on the norms of one of the head's outputs, all views together.

    Args:
        output: which, "embedding" for most.
    """

    def __init__(self, output: str = "embedding") -> None:
        super().__init__()
        self.output = output

    def rows(self, step: Step) -> Tensor:
        """What is constrained: [n, D], at least float32."""
        return full_precision(step.heads[self.output])

    @torch.no_grad()
    def observed(self, step: Step) -> dict[str, Tensor]:
        """Mean and variance (divided by n) of the norms of the batch."""
        norms = torch.linalg.vector_norm(self.rows(step), dim=1)
        return {"norm_mean": norms.mean(), "norm_variance": norms.var(correction=0)}


class SphericalTerm(NormTerm):
    """The spherical constraint, with a running mean of its own."""

    def __init__(self, weight: float, momentum: float, output: str = "embedding") -> None:
        super().__init__(output)
        self.constraint = SphericalConstraint(weight, momentum)

    def forward(self, step: Step) -> Tensor:
        penalty: Tensor = self.constraint(self.rows(step))
        return penalty


class SquaredNormTerm(NormTerm):
    """weight * mean_i ||f_i||^2: pulls norms towards 0, SEC's reference "L2-reg"."""

    def __init__(self, weight: float, output: str = "embedding") -> None:
        super().__init__(output)
        self.weight = weight

    def forward(self, step: Step) -> Tensor:
        return self.weight * self.rows(step).square().sum(dim=1).mean()


def one_each(name: str, outputs: Sequence[str], make: Callable[[str], Term]) -> dict[str, Term]:
    """A term an output: called ``name``, or ``name_output`` where there are several.

    >>> list(one_each("norms", ["a", "b"], lambda output: SquaredNormTerm(1.0, output)))
    ['norms_a', 'norms_b']
    """
    if len(outputs) == 1:
        return {name: make(outputs[0])}
    return {f"{name}_{output}": make(output) for output in outputs}
