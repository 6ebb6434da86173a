"""DiVA: four embeddings of one trunk, each with a task of its own."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.heads.branches import BranchHead, branch_widths
from oodml.methods.method import Method
from oodml.methods.registry import register_method
from oodml.methods.step import Dims, Step
from oodml.methods.term import Model, ParameterGroup, Scaled, Term
from oodml.methods.terms.decorrelation import Decorrelation

_BRANCHES = ("discriminative", "shared", "intra", "contrast")
Masks = Callable[[Tensor], tuple[Tensor, Tensor]]


def discriminative_pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Positives of the anchor's class, negatives of the others: bool [n, n] each."""
    same = labels[:, None] == labels[None, :]
    return same & ~_diagonal(labels), ~same


def shared_pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Positives and negatives both of other classes than the anchor's: what classes share."""
    other = labels[:, None] != labels[None, :]
    return other, other


def intra_pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Positives and negatives both of the anchor's class: what varies within a class."""
    same = (labels[:, None] == labels[None, :]) & ~_diagonal(labels)
    return same, same


class BranchTriplets(Term):
    """Hinge on distances of unit branch embeddings, one random triplet an anchor.

    mean over anchors of max(0, d(a, p) - d(a, n) + margin); positive and negative are drawn
    uniformly from what ``masks`` allows, never the same item; for tasks without classes the nearer
    of the two is taken as the positive. Anchors without a triplet are left out.
    """

    def __init__(self, branch: str, masks: Masks, margin: float, ordered: bool) -> None:
        super().__init__()
        self.branch = branch
        self.masks = masks
        self.margin = margin
        self.ordered = ordered

    def forward(self, step: Step) -> Tensor:
        unit = F.normalize(step.heads[self.branch].float(), dim=1)
        positives, negatives = self.masks(step.labels)
        usable = positives.any(dim=1) & negatives.any(dim=1)
        if not usable.any():
            return unit.sum() * 0.0
        anchors = usable.nonzero()[:, 0]
        p = _drawn(positives[anchors])
        allowed = negatives[anchors].scatter(1, p[:, None], False)
        some = allowed.any(dim=1)
        anchors, p, allowed = anchors[some], p[some], allowed[some]
        if not len(anchors):
            return unit.sum() * 0.0
        n = _drawn(allowed)
        near, far = (unit[anchors] - unit[p]).norm(dim=1), (unit[anchors] - unit[n]).norm(dim=1)
        if not self.ordered:
            near, far = torch.minimum(near, far), torch.maximum(near, far)
        return F.relu(near - far + self.margin).mean()


class MomentumContrast(Term):
    """InfoNCE of a branch against a queue of keys from a slowly following copy of the branch.

    The positive of an item is its own key; keys of ``queue`` earlier items are negatives. The copy
    moves by ``momentum`` after each update. Until the queue is filled only filled places count.
    """

    keys: Tensor
    filled: Tensor
    started: Tensor

    def __init__(
        self, features: int, width: int, branch: str, queue: int, momentum: float, t: float
    ) -> None:
        super().__init__()
        self.branch = branch
        self.momentum = momentum
        self.temperature = t
        self.follower = nn.Linear(features, width)
        self.follower.requires_grad_(False)
        self.register_buffer("keys", torch.zeros(queue, width))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def start(self, model: Model) -> None:
        if not self.started:
            self.follower.load_state_dict(_branch(model, self.branch).state_dict())
            self.started.fill_(True)

    def groups(self) -> list[ParameterGroup]:
        return []  # the follower is moved by hand

    def forward(self, step: Step) -> Tensor:
        queries = F.normalize(step.heads[self.branch].float(), dim=1)
        own = (queries * self._keys_of(step)).sum(dim=1, keepdim=True)
        known = min(int(self.filled), len(self.keys))
        logits = torch.cat([own, queries @ self.keys[:known].T.clone()], dim=1) / self.temperature
        target = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
        return F.cross_entropy(logits, target)

    @torch.no_grad()
    def after_update(self, model: Model, step: Step) -> None:
        new = self._keys_of(step)
        places = (torch.arange(len(new), device=new.device) + self.filled) % len(self.keys)
        self.keys[places] = new
        self.filled += len(new)
        leader = _branch(model, self.branch)
        for slow, fast in zip(self.follower.parameters(), leader.parameters(), strict=True):
            slow.lerp_(fast.detach(), 1 - self.momentum)

    @torch.no_grad()
    def _keys_of(self, step: Step) -> Tensor:
        return F.normalize(self.follower(step.features.float()), dim=1)


@register_method("diva")
class DiVA(Method):
    """Class-discriminative, class-shared, intra-class and self-supervised embeddings, decorrelated.

    Four linear branches share the embedding's columns; the first three have a triplet task each,
    the last contrasts items with a momentum queue (the encoder's trunk is shared, so keys come from
    a slow copy of the branch alone). Adversaries that predict the discriminative branch from each
    of the others keep them apart. The embedding is the weighted concatenation of unit branches.

    Differs from the paper's code: one random triplet an anchor where it mines by distance.
    """

    source = (
        "Milbich, Roth et al.: DiVA, ECCV 2020; values of ooDML's CUB runs where they are known"
    )
    loss_outputs = _BRANCHES
    fixed_head = True  # the slow branch reads the features too

    margin = Parameter(0.2, "of the triplet tasks", minimum=0.0, search=(0.05, 1.0))
    alpha = Parameter(
        0.3, "weight of each task beside the discriminative one", minimum=0.0, search=(0.05, 1.0)
    )
    decorrelation = Parameter(
        1500.0, "weight of the adversaries", minimum=0.0, search=(10.0, 3000.0), log=True
    )
    queue = Parameter(4096, "keys the self-supervised task is contrasted with", minimum=16)
    momentum = Parameter(0.99, "of the queue's slow branch", minimum=0.0, maximum=1.0)
    temperature = Parameter(0.1, "of the self-supervised task", above=0.0)
    discriminative_weight = Parameter(0.75, "in the embedding", minimum=0.0)
    other_weight = Parameter(1.25, "of each other branch in the embedding", minimum=0.0)

    def head(self, dims: Dims) -> nn.Module:
        if dims.embedding < 4:
            raise UsageError(f"diva: embedding_dim {dims.embedding}, needs 4 or more")
        weights = dict.fromkeys(_BRANCHES, self.other_weight)
        weights["discriminative"] = self.discriminative_weight
        return BranchHead(dims.features, dims.embedding, weights)

    def terms(self, dims: Dims) -> dict[str, Term]:
        widths = branch_widths(dims.embedding, _BRANCHES)
        tasks: dict[str, Term] = {
            "discriminative": BranchTriplets(
                "discriminative", discriminative_pairs, self.margin, ordered=True
            ),
            "shared": Scaled(
                BranchTriplets("shared", shared_pairs, self.margin, ordered=False), self.alpha
            ),
            "intra": Scaled(
                BranchTriplets("intra", intra_pairs, self.margin, ordered=False), self.alpha
            ),
            "contrast": Scaled(
                MomentumContrast(
                    dims.features,
                    widths["contrast"],
                    "contrast",
                    self.queue,
                    self.momentum,
                    self.temperature,
                ),
                self.alpha,
            ),
        }
        for other in _BRANCHES[1:]:
            tasks[f"apart_{other}"] = Decorrelation(
                "discriminative", other, widths["discriminative"], widths[other], self.decorrelation
            )
        return tasks


def _branch(model: Model, name: str) -> nn.Module:
    head = model.head
    if not isinstance(head, BranchHead):
        raise UsageError("diva's terms need diva's head")
    return head.branches[name]


def _diagonal(labels: Tensor) -> Tensor:
    return torch.eye(len(labels), dtype=torch.bool, device=labels.device)


def _drawn(allowed: Tensor) -> Tensor:
    """A uniformly drawn allowed column of each row: [n, m] bool -> int64 [n]."""
    return torch.multinomial(allowed.float(), 1)[:, 0]
