"""Loss and mining, forward and backward: oodml's against pytorch-metric-learning's, and what SEC adds.

    python benchmarks/speed/training_losses.py
    python benchmarks/speed/training_losses.py --batch 112 --columns 512 --device cuda

Both sides see the same batch in turn, ``--rounds`` times; the median of the ratios is printed, and
the time of a plain loop where the losses' papers give one (triplet). Definitions are the nearest
that the library has: angular without its N-pair part and norms. Peak memory is
that of torch's allocator on CUDA, else what a child process grows by.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytorch_metric_learning.distances as distances
import pytorch_metric_learning.losses as losses
import pytorch_metric_learning.miners as miners
import torch
from pytorch_metric_learning.reducers import MeanReducer
from pytorch_metric_learning.regularizers import SparseCentersRegularizer
from torch import Tensor

from oodml import create_method
from oodml.methods import Dims, Step

Run = Callable[[], None]
# what the library lacks is left out
ALIKE: dict[str, dict[str, Any]] = {"angular": {"npair_weight": 0.0, "norm_weight": 0.0}}


def library(classes: int, columns: int) -> dict[str, tuple[Any, Any]]:
    """Method -> (loss, miner) of pytorch-metric-learning that come nearest."""
    squared = distances.LpDistance(normalize_embeddings=True, p=2, power=2)
    weighted = miners.DistanceWeightedMiner(cutoff=0.5, nonzero_loss_cutoff=1.4)
    return {
        "triplet": (losses.TripletMarginLoss(1.0, distance=squared, reducer=MeanReducer()), None),
        "semihard-triplet": (
            losses.TripletMarginLoss(0.2, distance=squared),
            miners.TripletMarginMiner(0.2, "semihard", distance=squared),
        ),
        "contrastive": (losses.ContrastiveLoss(0.0, 1.0), weighted),
        "lifted": (losses.LiftedStructureLoss(1.0, 0.0), None),
        "npair": (losses.NPairsLoss(), None),
        "multi-similarity": (losses.MultiSimilarityLoss(2, 40, 0.5), miners.MultiSimilarityMiner()),
        "margin": (losses.MarginLoss(0.2, 0, 1.2, num_classes=classes), weighted),
        "snr": (
            losses.TripletMarginLoss(0.2, distance=distances.SNRDistance()),
            weighted,
        ),
        "angular": (losses.AngularLoss(45), None),
        "histogram": (losses.HistogramLoss(201), None),
        "arcface": (losses.ArcFaceLoss(classes, columns, margin=28.6, scale=16), None),
        "cosface": (losses.CosFaceLoss(classes, columns, margin=0.35, scale=16), None),
        "sphereface": (losses.SphereFaceLoss(classes, columns, margin=4, scale=1), None),
        "normalized-softmax": (losses.NormalizedSoftmaxLoss(classes, columns), None),
        "soft-triple": (
            losses.SoftTripleLoss(
                classes,
                columns,
                weight_regularizer=SparseCentersRegularizer(classes, centers_per_class=10),
                weight_reg_weight=0.2,
            ),
            None,
        ),
        "proxy-nca": (losses.ProxyNCALoss(classes, columns), None),
        "proxy-anchor": (losses.ProxyAnchorLoss(classes, columns), None),
        "supcon": (losses.SupConLoss(0.1), None),
        "circle": (losses.CircleLoss(0.25, 256), None),
    }


def batch(rows: int, per_class: int, columns: int, device: str) -> tuple[Tensor, Tensor]:
    """Rows [n, D] that lie about class means, so that mining finds something; labels [n]."""
    generator = torch.Generator().manual_seed(0)
    classes = rows // per_class
    means = torch.randn(classes, columns, generator=generator)
    labels = torch.arange(classes).repeat_interleave(per_class)
    found = means[labels] + torch.randn(len(labels), columns, generator=generator)
    return found.to(device), labels.to(device)


def ours(name: str, embeddings: Tensor, labels: Tensor, classes: int) -> Run:
    method = create_method(name, **ALIKE.get(name, {}))
    columns = embeddings.shape[1]
    terms = torch.nn.ModuleDict(method.terms(Dims(columns, columns, classes))).to(embeddings.device)
    leaf = embeddings.clone().requires_grad_()

    def run() -> None:
        step = Step(
            number=0,
            labels=labels,
            items=torch.arange(len(labels)),
            views=torch.zeros_like(labels),
            support=None,
            inputs=None,
            features=leaf,
            heads={"embedding": leaf},
        )
        sum(term(step) for term in terms.values()).backward()

    return run


def theirs(loss: Any, miner: Any, embeddings: Tensor, labels: Tensor) -> Run:
    loss = loss.to(embeddings.device)
    leaf = embeddings.clone().requires_grad_()

    def run() -> None:
        mined = miner(leaf, labels) if miner is not None else None
        loss(leaf, labels, mined).backward()

    return run


def seconds(run: Run, device: str, repeats: int) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def compared(first: Run, second: Run, device: str, rounds: int) -> tuple[float, float, float]:
    """(median seconds of each, median of second / first), interleaved."""
    for run in (first, second):
        run()
    # so many at once that the clock does not matter
    repeats = max(1, int(0.02 / max(seconds(first, device, 3), 1e-6)))
    pairs = [
        (seconds(first, device, repeats), seconds(second, device, repeats)) for _ in range(rounds)
    ]
    a, b = (statistics.median(one[side] for one in pairs) for side in (0, 1))
    return a, b, statistics.median(y / x for x, y in pairs)


def _grown(make: Callable[..., Run], arguments: tuple[Any, ...], out: Any) -> None:
    run = make(*arguments)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    out.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def peak_mebibytes(make: Callable[..., Run], *arguments: Any, device: str) -> float:
    if device == "cuda":
        run = make(*arguments)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    context = multiprocessing.get_context("fork")
    out = context.SimpleQueue()
    child = context.Process(target=_grown, args=(make, arguments, out))
    child.start()
    child.join()
    return float(out.get()) / 1024 if not out.empty() else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=120)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--classes", type=int, default=100, help="of the proxies")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--methods", help="NAME,NAME,...: some of them")
    given = parser.parse_args()
    if given.device == "cpu":
        torch.set_num_threads(1)
    wanted = given.methods.split(",") if given.methods else None
    print(f"batch {given.batch}, {given.columns} columns, {given.device}, forward and backward")
    print(f"{'loss':20} {'oodml':>9} {'library':>9}  ratio   peak MiB (oodml, library)")
    for name, (loss, miner) in library(given.classes, given.columns).items():
        if wanted and name not in wanted:
            continue
        per_class = create_method(name).images_per_class
        rows, labels = batch(given.batch, per_class, given.columns, given.device)
        mine = (name, rows, labels, given.classes)
        other = (loss, miner, rows, labels)
        memory = [
            peak_mebibytes(ours, *mine, device=given.device),
            peak_mebibytes(theirs, *other, device=given.device),
        ]
        a, b, ratio = compared(ours(*mine), theirs(*other), given.device, given.rounds)
        print(
            f"{name:20} {1e3 * a:6.2f} ms {1e3 * b:6.2f} ms {ratio:6.2f}   {memory[0]:.1f}, {memory[1]:.1f}"
        )
    print(f"{'around':20} {'base':>9} {'with SEC':>9}  ratio")
    for name in ("triplet", "semihard-triplet", "npair", "multi-similarity", "arcface"):
        if wanted and name not in wanted:
            continue
        per_class = create_method(name).images_per_class
        rows, labels = batch(given.batch, per_class, given.columns, given.device)
        runs = [ours(one, rows, labels, given.classes) for one in (name, f"sec-{name}")]
        a, b, ratio = compared(runs[0], runs[1], given.device, given.rounds)
        print(f"{name:20} {1e3 * a:6.2f} ms {1e3 * b:6.2f} ms {ratio:6.2f}")


if __name__ == "__main__":
    main()
