"""Items told apart by a queue of keys from a slowly following copy of the network."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods.heads.branches import BranchHead
from oodml.methods.miners.distance_weighted import log_inverse_density
from oodml.methods.step import Step, full_precision
from oodml.methods.term import Model, ParameterGroup, Term


class MomentumContrast(Term):
    """Noise-contrastive estimation of a branch against a queue, its negatives weighted by distance.

    With u_i the unit branch embedding, k_i the key of the same item, q_j the queue's keys:

        term = mean_i -log( exp(u_i k_i / T) / (exp(u_i k_i / T) + sum_j exp(w_ij u_i q_j / T)) )
        w_ij = share of query i in key j: 1 / density of their distance, over the sum of all queries

    (`distance_shares`; no gradient). Keys come from a slow copy of trunk and branch, which moves by
    ``1 - momentum`` towards them after each update; the keys of a step then take the queue's oldest
    places. The queue begins empty, and until it is full only filled places count.

    The trunk's copy costs its weights in memory once more (no gradients, no optimiser state) and one
    forward pass a step. It is in evaluation mode, with the trunk's own batch-norm statistics, and of
    images sees a random crop. Where there is no trunk (cached features), or ``copy_trunk`` is off,
    keys are the slow branch's of the step's features.

    Source: Milbich, Roth et al., DiVA, ECCV 2020 (distance-adapted NCE) and its released code. There
    the slow copy sees a view of its own of each image, here a crop of the view of the step, so that
    no image need be loaded twice; and there the queue is filled before training begins.

    Args:
        features, width: F and the branch's columns.
        branch: which branch of the head.
        queue: keys that are kept.
        cutoffs: lower and upper, of `distance_shares`.
        crop: least share of an image's area that the slow trunk sees, uniform up to 1.
    """

    keys: Tensor
    filled: Tensor
    started: Tensor

    def __init__(
        self,
        features: int,
        width: int,
        branch: str,
        *,
        queue: int,
        momentum: float,
        temperature: float,
        cutoffs: tuple[float, float] = (0.5, 1.4),
        copy_trunk: bool = True,
        crop: float = 1.0,
    ) -> None:
        super().__init__()
        self.branch = branch
        self.momentum = momentum
        self.temperature = temperature
        self.cutoffs = cutoffs
        self.copy_trunk = copy_trunk
        self.crop = crop
        if copy_trunk:
            self.needs = frozenset({"inputs"})  # type: ignore[misc]
        self.follower = nn.Linear(features, width)
        self.follower.requires_grad_(False)
        self.register_buffer("keys", torch.zeros(queue, width))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))
        # in a list, not a module's attribute: nobody else shall put it in training mode
        self._trunk: list[nn.Module] = []
        self._waiting: dict[str, Any] = {}
        self._input_length = 0.0
        self._seen: tuple[Step, Tensor] | None = None

    def get_extra_state(self) -> dict[str, Any]:
        """The slow trunk's state; empty where there is none."""
        return self._trunk[0].state_dict() if self._trunk else self._waiting

    def set_extra_state(self, state: dict[str, Any]) -> None:
        if self._trunk:
            self._trunk[0].load_state_dict(state)
        else:
            self._waiting = copy.deepcopy(state)

    def start(self, model: Model) -> None:
        if not self.started:
            self.follower.load_state_dict(_branch(model, self.branch).state_dict())
            self.started.fill_(True)
        self._input_length = model.input_length
        if self.copy_trunk and not isinstance(model.trunk, nn.Identity):
            self._trunk = [copy.deepcopy(model.trunk).requires_grad_(False).eval()]
            if self._waiting:
                self._trunk[0].load_state_dict(self._waiting)
                self._waiting = {}

    def groups(self) -> list[ParameterGroup]:
        return []  # the follower is moved by hand

    def forward(self, step: Step) -> Tensor:
        queries = F.normalize(full_precision(step.heads[self.branch]), dim=1)
        own = (queries * self._keys_of(step)).sum(dim=1, keepdim=True)
        known = self.keys[: min(int(self.filled), len(self.keys))]
        others = queries @ known.T
        others = others * distance_shares(others, queries.shape[1], *self.cutoffs)
        logits = torch.cat([own, others], dim=1) / self.temperature
        target = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
        return F.cross_entropy(logits, target)

    @torch.no_grad()
    def after_update(self, model: Model, step: Step) -> None:
        keys = self._keys_of(step)
        self._seen = None
        places = (torch.arange(len(keys), device=keys.device) + self.filled) % len(self.keys)
        last = slice(max(0, len(keys) - len(self.keys)), None)  # each place once
        self.keys[places[last]] = keys[last]
        self.filled += len(keys)
        self._follow(self.follower, _branch(model, self.branch))
        for slow in self._trunk:
            self._follow(slow, model.trunk)

    def _follow(self, slow: nn.Module, fast: nn.Module) -> None:
        for weight, target in zip(slow.parameters(), fast.parameters(), strict=True):
            weight.lerp_(target.detach(), 1 - self.momentum)
        for buffer, current in zip(slow.buffers(), fast.buffers(), strict=True):
            buffer.copy_(current)

    @torch.no_grad()
    def _keys_of(self, step: Step) -> Tensor:
        """Unit keys [n, width]; those of a step are computed once."""
        if self._seen is None or self._seen[0] is not step:
            features = full_precision(self._features_of(step))
            self._seen = (step, F.normalize(self.follower(features), dim=1))
        return self._seen[1]

    def _features_of(self, step: Step) -> Tensor:
        if not self._trunk:
            return step.features
        inputs = step.inputs
        assert inputs is not None, "the term needs inputs"
        if self.crop < 1 and inputs.ndim == 4:
            inputs = random_crops(inputs, self.crop)
        half = step.features.dtype in (torch.float16, torch.bfloat16)
        kind = step.features.dtype if half else None
        with torch.autocast(inputs.device.type, dtype=kind, enabled=half):
            features: Tensor = self._trunk[0](inputs)
        if self._input_length:
            features = self._input_length * F.normalize(features, dim=1)
        return features


def random_crops(images: Tensor, least: float) -> Tensor:
    """A random window of each image [n, C, H, W], of ``least`` to all of its area and its own aspect
    ratio, at the image's size again (bilinear)."""
    uniform = torch.rand(3, len(images), dtype=images.dtype, device=images.device)
    side = (least + (1 - least) * uniform[0]).sqrt()
    x, y = (1 - side) * (2 * uniform[1:] - 1)
    none = torch.zeros_like(side)
    windows = torch.stack([side, none, x, none, side, y], dim=1).reshape(-1, 2, 3)
    places = F.affine_grid(windows, list(images.shape), align_corners=False)
    return F.grid_sample(images, places, padding_mode="border", align_corners=False)


@torch.no_grad()
def distance_shares(cosines: Tensor, dims: int, lower: float, upper: float) -> Tensor:
    """How much of each key's weight is each query's: cosines of n queries and m keys [n, m] -> [n, m].

    Weights are 1 / q(d), q the density of distances on the sphere in ``dims`` dimensions, d raised
    to ``lower`` where it is less, 0 where d is above ``upper``; a key's weights sum to 1 over the
    queries, and are alike where all are 0. So in the released code of DiVA, whose keys thus weigh
    little for most queries.
    """
    distances = (2 - 2 * cosines).clamp_(min=lower**2).sqrt_()
    far = distances > upper
    all_far = far.all(dim=0)
    weights = log_inverse_density(distances, dims).masked_fill_(far & ~all_far, -torch.inf)
    return weights.masked_fill_(all_far, 0.0).softmax(dim=0)


def _branch(model: Model, name: str) -> nn.Module:
    if not isinstance(model.head, BranchHead):
        raise UsageError("a momentum contrast of a branch needs a head with branches")
    return model.head.branches[name]
