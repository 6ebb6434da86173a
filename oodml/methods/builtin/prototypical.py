"""Prototypical networks."""

import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.batch_rule import BatchRule
from oodml.methods.batches.episodes import Episodes
from oodml.methods.method import Method
from oodml.methods.registry import register_method
from oodml.methods.step import Dims, Step
from oodml.methods.term import Term


class PrototypicalTerm(Term):
    """Cross-entropy of the queries' classes under softmax(-||x - prototype||^2).

    A prototype is the mean of a class's support embeddings, not normalised. Without a query the loss
    is 0.
    """

    def forward(self, step: Step) -> Tensor:
        if step.support is None:
            raise UsageError("prototypical needs episodes: a batch rule with support and query")
        embeddings, support = step.embedding, step.support
        classes, codes = torch.unique(step.labels, return_inverse=True)
        members = nn.functional.one_hot(codes[support], len(classes)).to(embeddings.dtype)
        prototypes = members.T @ embeddings[support] / members.sum(dim=0)[:, None]
        logits = nearness(embeddings[~support], prototypes)
        losses = nn.functional.cross_entropy(logits, codes[~support], reduction="none")
        return losses.sum() / max(1, len(losses))


def nearness(queries: Tensor, prototypes: Tensor) -> Tensor:
    """-|x - p|^2 of queries [q, D] and prototypes [c, D], but for a constant of each row: [q, c].

    The constant does not change a softmax over a row, and without it there is no [q, c, D]. Around
    the prototypes' mean, so that large embeddings with small differences keep their digits.
    """
    centre = prototypes.detach().mean(dim=0)
    queries, prototypes = queries - centre, prototypes - centre
    return 2 * queries @ prototypes.T - prototypes.square().sum(dim=1)


@register_method("prototypical")
class Prototypical(Method):
    """Softmax over negative squared distances of queries to class means, in episodes.

    k-shot queries go to the nearest prototype of the support. Not adapted: see
    ``adapted-prototypical``.
    """

    family = "adapted to a support set"
    source = "Snell, Swersky, Zemel: Prototypical Networks, NeurIPS 2017; Scott et al. 2018"
    formula = (
        "L = mean over queries x of -log[e^(-|x - p_y|^2) / sum_c e^(-|x - p_c|^2)], "
        "p_c the mean of class c's support embeddings"
    )

    support = Parameter(2, "support images of a class in an episode", minimum=1, search=(1, 10))
    query = Parameter(2, "query images of a class in an episode", minimum=1, search=(1, 10))
    classes = Parameter(0, "classes of an episode; 0: as many as fit the batch", minimum=0)

    def terms(self, dims: Dims) -> dict[str, Term]:
        return {"loss": PrototypicalTerm()}

    def batches(self) -> BatchRule:
        return Episodes(classes=self.classes, support=self.support, query=self.query)

    def adaptation(self) -> Adaptation:
        return Adaptation(predictor="prototype", steps=0)
