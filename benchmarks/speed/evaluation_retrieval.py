"""Exact retrieval evaluation: oodml against others, interleaved, values compared.

    python benchmarks/speed/evaluation_retrieval.py --size cub --repeats 3
    python benchmarks/speed/evaluation_retrieval.py --size sop --engines product,oodml,faiss-loop
    python benchmarks/speed/evaluation_retrieval.py --size 20000 --classes 4000 --dim 128 --json out.json
    python benchmarks/speed/evaluation_retrieval.py --size sop --engines oodml --device cuda

Embeddings are drawn at random with the number of images and classes of a data set's test side. Every
run is a process of its own: its wall time covers the evaluation only (after a warm-up on about a thousand rows,
which loads libraries and compiled code), its memory is the growth of the process over that.
Needs faiss-cpu, pytorch-metric-learning, torchmetrics and open-metric-learning for the engines of
those names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"cub": (5924, 100), "cars": (8131, 98), "sop": (60502, 11316)}
K = (1, 2, 4, 8)


def product(rows: Any, labels: Any, device: str) -> dict[str, float]:
    """The full similarity matrix in blocks and nothing else: what counting is measured against."""
    import torch

    tensor = torch.nn.functional.normalize(torch.from_numpy(rows).to(device))
    for start in range(0, len(tensor), 2048):
        tensor[start : start + 2048] @ tensor.T
    if device != "cpu":
        torch.cuda.synchronize()
    return {}


def oodml(rows: Any, labels: Any, device: str) -> dict[str, float]:
    from oodml.evaluation import evaluate

    return evaluate(
        rows,
        labels,
        [*(f"recall_at_{k}" for k in K), "map_at_r", "r_precision", "map_at_1000_oodml"],
        device=device,
    ).metrics


def oodml_torch(rows: Any, labels: Any, device: str) -> dict[str, float]:
    """oodml without its compiled loops: the engine of GPUs, on the CPU."""
    from oodml.evaluation.ranks.positive_ranks.engines import compiled

    compiled.compiled_loops_available = lambda: False
    return oodml(rows, labels, device)


def pytorch_metric_learning(rows: Any, labels: Any, device: str, k: Any = None) -> dict[str, float]:
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    calculator = AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        k=k or "max_bin_count",
        device=torch.device(device),
    )
    tensor = torch.nn.functional.normalize(torch.from_numpy(rows))
    found = calculator.get_accuracy(tensor, torch.from_numpy(labels))
    return {
        "recall_at_1": found["precision_at_1"],
        "r_precision": found["r_precision"],
        "map_at_r": found["mean_average_precision_at_r"],
    }


def pytorch_metric_learning_1000(rows: Any, labels: Any, device: str) -> dict[str, float]:
    return pytorch_metric_learning(rows, labels, device, k=1000)


def open_metric_learning(rows: Any, labels: Any, device: str) -> dict[str, float]:
    """OML's search and metrics; it needs numpy < 2, so an environment of its own (tox -e oml)."""
    import torch

    from oodml._bootstrap import import_torchvision

    import_torchvision()
    from oml.functional.knn import batched_knn
    from oml.functional.metrics import calc_retrieval_metrics

    everything = torch.arange(len(rows))
    _, retrieved, true = batched_knn(
        torch.nn.functional.normalize(torch.from_numpy(rows)),
        ids_query=everything,
        ids_gallery=everything,
        top_n=min(1000, len(rows)),
        labels_gt=torch.from_numpy(labels),
    )
    found = calc_retrieval_metrics(
        retrieved, true, cmc_top_k=K, precision_top_k=(1,), map_top_k=(), verbose=False
    )
    return {f"recall_at_{k}": float(found["cmc"][k]) for k in K}


def torchmetrics_retrieval(rows: Any, labels: Any, device: str) -> dict[str, float]:
    """Needs all N x (N - 1) scores at once and loops over queries."""
    import torch

    from oodml._bootstrap import import_torchvision

    import_torchvision()  # torchmetrics imports it, whether it matches torch or not
    from torchmetrics.retrieval import RetrievalHitRate, RetrievalRPrecision

    tensor = torch.nn.functional.normalize(torch.from_numpy(rows))
    n = len(rows)
    others = ~torch.eye(n, dtype=torch.bool)
    scores = (tensor @ tensor.T)[others]
    truth = torch.from_numpy(labels[:, None] == labels)[others]
    query = torch.arange(n).repeat_interleave(n - 1)
    metrics = {"recall_at_1": RetrievalHitRate(top_k=1), "r_precision": RetrievalRPrecision()}
    return {name: float(metric(scores, truth, indexes=query)) for name, metric in metrics.items()}


def faiss_loop(rows: Any, labels: Any, device: str) -> dict[str, float]:
    """faiss k = 1001 and loops over queries, the usual shape of papers' code."""
    import faiss

    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    found = index.search(unit, min(1001, len(unit)))[1]
    hits = dict.fromkeys(K, 0)
    precision = 0.0
    sizes = np.bincount(labels)
    for query in range(len(unit)):
        row = found[query]
        relevant = labels[row[row != query][:1000]] == labels[query]
        for k in K:
            hits[k] += bool(relevant[:k].any())
        precisions = np.cumsum(relevant) * relevant / np.arange(1, len(relevant) + 1)
        precision += precisions.sum() / sizes[labels[query]]
    result = {f"recall_at_{k}": hits[k] / len(unit) for k in K}
    return result | {"map_at_1000_oodml": precision / len(unit)}


ENGINES: dict[str, Callable[[Any, Any, str], dict[str, float]]] = {
    "product": product,
    "oodml": oodml,
    "oodml-torch": oodml_torch,
    "pytorch-metric-learning": pytorch_metric_learning,
    "pytorch-metric-learning-1000": pytorch_metric_learning_1000,
    "open-metric-learning": open_metric_learning,
    "torchmetrics": torchmetrics_retrieval,
    "faiss-loop": faiss_loop,
}


def make_data(folder: Path, images: int, classes: int, dim: int, noise: float) -> None:
    random = np.random.default_rng(0)
    # At least two images a class: the reference loop counts a query without a positive as 0.
    twice = np.repeat(np.arange(classes), 2)
    labels = np.sort(np.concatenate([twice, random.integers(0, classes, images - len(twice))]))
    rows = random.standard_normal((classes, dim), dtype=np.float32)[labels]
    rows += noise * random.standard_normal((images, dim), dtype=np.float32)
    order = random.permutation(images)
    np.save(folder / "rows.npy", rows[order])
    np.save(folder / "labels.npy", labels[order])


def measure(folder: Path, engine: str, device: str) -> dict[str, Any]:
    """In the worker process: a warm-up on a thousand rows of whole classes, then the timed run."""
    import resource

    rows, labels = np.load(folder / "rows.npy"), np.load(folder / "labels.npy")
    few = np.flatnonzero(labels < max(2, 1100 * (labels.max() + 1) // len(labels)))
    ENGINES[engine](rows[few], labels[few], device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    values = ENGINES[engine](rows, labels, device)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "mib": (peak - before) / 1024, "values": values}


def run(folder: Path, engine: str, device: str, limit: float) -> dict[str, Any] | None:
    command = [sys.executable, __file__, "--worker", engine, "--folder", str(folder)]
    try:
        done = subprocess.run(
            [*command, "--device", device], capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        print(f"{engine}: stopped after {limit:.0f} s", file=sys.stderr)
        return None
    if done.returncode:
        said = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        print(f"{engine}: failed: {said}", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="cub", help="cub, cars, sop or a number of images")
    parser.add_argument("--classes", type=int)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--noise", type=float, default=2.5, help="spread within classes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engines", default="product,oodml,pytorch-metric-learning,faiss-loop")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.folder, options.worker, options.device)))
        return
    images, classes = SIZES.get(options.size) or (int(options.size), None)
    classes = options.classes or classes or images // 10
    if not 2 <= 2 * classes <= images:
        parser.error(f"{classes} classes of {images} images: expected two images a class at least")
    engines = options.engines.split(",")
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    with tempfile.TemporaryDirectory() as name:
        make_data(Path(name), images, classes, options.dim, options.noise)
        for _ in range(options.repeats):
            for engine in list(engines):
                found = run(Path(name), engine, options.device, options.limit)
                if found:
                    runs[engine].append(found)
                else:
                    engines.remove(engine)  # it would fail again
    report(runs, f"{images} images, {classes} classes, d = {options.dim}, {options.device}")
    if options.json:
        options.json.write_text(
            json.dumps({"options": vars(options) | {"json": None}, "runs": runs}, default=str)
        )
    if len(engines) < len(runs):
        raise SystemExit(1)


def report(runs: dict[str, list[dict[str, Any]]], title: str) -> None:
    print(title)
    base = min((one["seconds"] for one in runs.get("product", [])), default=None)
    own = runs.get("oodml") or [{"values": {}}]
    for engine, found in runs.items():
        if not found:
            continue
        best = min(one["seconds"] for one in found)
        ratio = f"{best / base:6.2f} x product" if base else ""
        gaps = [
            abs(value - own[0]["values"][name])
            for name, value in found[0]["values"].items()
            if name in own[0]["values"]
        ]
        gap = f"largest difference {max(gaps):.1e} over {len(gaps)} metrics" if gaps else ""
        mib = max(one["mib"] for one in found)
        times = " ".join(f"{one['seconds']:.2f}" for one in found)
        print(f"{engine:30s} best {best:8.2f} s {ratio}  {mib:7.0f} MiB  [{times}]  {gap}")


if __name__ == "__main__":
    main()
