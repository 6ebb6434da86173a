"""What tests of several processes train: small, in double precision, each kind of part once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from oodml.methods import Dims, create_method
from oodml.training import (
    Checkpoint,
    Embedder,
    Feed,
    Selection,
    TrainingSettings,
    create_selection_rule,
    train,
)
from oodml.training.launch import one_of_several

ROWS, CLASSES, SIDE, BATCH = 60, 12, 8, 18
LABELS = np.repeat(np.arange(CLASSES), ROWS // CLASSES)
# one more than processes share evenly, so that their slices differ in length
CASES: dict[str, dict[str, object]] = {
    "multi-similarity": {},
    "normalized-softmax": {},
    "diva": {"queue": 30},
    "uniform-prior-sec-triplet": {"every": 2, "chunk": 4, "latent": 5},
    "s2sd-multi-similarity": {"widths": (9, 11), "pooled": True},
}
State = dict[str, torch.Tensor]


class Trunk(nn.Module):
    """Convolution and trained batch norm; offers its maps."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.norm(self.convolution(images)))

    def forward_head(self, maps: torch.Tensor, pre_logits: bool = True) -> torch.Tensor:
        return maps.mean(dim=(2, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(images))


class Pictures:
    """Double precision images, a row of noise for each place in the batch."""

    augments = True
    rows = ROWS

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(CLASSES, 1, SIDE, SIDE))
        self._images = centres[LABELS] + 0.3 * rng.normal(size=(ROWS, 1, SIDE, SIDE))

    def training_batch(self, indices: np.ndarray, seed: int) -> torch.Tensor:
        noise = np.random.default_rng(seed).normal(size=(len(indices), 1, SIDE, SIDE))
        return torch.from_numpy(self._images[indices] + 0.1 * noise)


class MeanScore:
    """A score that only the leading process can ask for."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric

    def validation(self, model: nn.Module) -> float:
        assert self._fabric.global_rank == 0
        return -float(model.head.weight.detach().abs().mean())  # type: ignore[operator,union-attr]


def trained(
    name: str, fabric: Fabric, *, steps: int, settings: dict[str, object] | None = None
) -> tuple[State, State]:
    """Gradients of the last update and all weights, of model and terms."""
    torch.manual_seed(1)
    images = {} if name == "diva" else {"images_per_class": 2}
    method = create_method(name, **CASES.get(name, {}), **images)
    given = TrainingSettings(
        mode="network",
        batch_size=BATCH,
        steps=steps,
        evaluate_every=2,
        learning_rate=0.01,
        backbone_learning_rate=0.01,
        freeze_batch_norm=False,
        **(settings or {}),  # type: ignore[arg-type]
    )
    dims = Dims(8, 16, CLASSES)
    head = method.head(dims)
    if name == "multi-similarity":  # a head whose batch norm must see the whole batch
        head = nn.Sequential(nn.BatchNorm1d(8), head)
    model = Embedder(Trunk(), head, 8, 16, given.freeze_batch_norm)
    terms = method.terms(dims)
    feed = Feed(Pictures(), np.arange(ROWS), LABELS, method.batches(), BATCH, 3)  # type: ignore[arg-type]
    selection = None
    if name == "normalized-softmax":
        selection = Selection(create_selection_rule("best-val"), MeanScore(fabric))
    train(model, terms, feed, given, fabric, selection=selection)
    whole = nn.ModuleDict({"model": model, **terms})
    gradients = {k: p.grad for k, p in whole.named_parameters() if p.grad is not None}
    weights = {k: v for k, v in whole.state_dict().items() if isinstance(v, torch.Tensor)}
    return gradients, weights


def in_double() -> None:
    """Some terms turn what they are given into float32; here all is to be exact."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign,assignment]


def process(rank: int, world: int, port: int, folder: str) -> None:
    """What one of several processes does: every case, its results into files."""
    torch.set_num_threads(1)
    in_double()
    with one_of_several("cpu", "float32", rank, world, port) as fabric:
        for name in CASES:
            for steps in (4, 8):
                gradients, weights = trained(name, fabric, steps=steps)
                torch.save((gradients, weights), Path(folder) / f"{name}-{steps}-{rank}.pt")
        continued(rank, fabric, Path(folder))


def continued(rank: int, fabric: Fabric, folder: Path) -> None:
    """A run over several processes that continues at a checkpoint of the leading one."""
    import oodml.training.checkpoints as checkpoints

    checkpoints._EVERY_S = 0.0
    found = []
    for steps in (4, 8):
        torch.manual_seed(rank)  # what they do not share at the start comes from the leader
        method = create_method("diva", queue=30)
        dims = Dims(8, 16, CLASSES)
        model = Embedder(Trunk(), method.head(dims), 8, 16, False)
        settings = TrainingSettings(
            mode="network", batch_size=BATCH, steps=steps + 1, freeze_batch_norm=False
        )
        feed = Feed(Pictures(), np.arange(ROWS), LABELS, method.batches(), BATCH, 3)  # type: ignore[arg-type]
        checkpoint = Checkpoint(folder / "state", "me")
        done = train(model, method.terms(dims), feed, settings, fabric, checkpoint=checkpoint)
        found.append((done.steps, model.state_dict()))
    torch.save(found, folder / f"continued-{rank}.pt")
