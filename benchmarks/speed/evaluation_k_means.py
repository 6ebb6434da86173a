"""k-means for NMI: oodml's exact Lloyd against faiss and scikit-learn, interleaved.

    python benchmarks/speed/evaluation_k_means.py --images 5924 --classes 100
    python benchmarks/speed/evaluation_k_means.py --images 60502 --classes 11316 --engines oodml,faiss

Prints seconds, inertia (lower is better) and NMI with the true classes. faiss runs 20 rounds, as in
ooDML's code; scikit-learn one start.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from oodml.evaluation.clustering import contingency, k_means, nmi


def oodml(rows: Any, clusters: int, seed: int) -> Any:
    return k_means(rows, clusters, seed=seed).assignment


def faiss_k_means(rows: Any, clusters: int, seed: int) -> Any:
    import faiss

    model = faiss.Kmeans(
        rows.shape[1], clusters, niter=20, seed=seed + 1, min_points_per_centroid=1,
        max_points_per_centroid=len(rows),
    )  # fmt: skip
    model.train(rows)
    return model.index.search(rows, 1)[1][:, 0]


def scikit_learn(rows: Any, clusters: int, seed: int) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(clusters, n_init=1, random_state=seed).fit(rows).labels_


ENGINES: dict[str, Callable[[Any, int, int], Any]] = {
    "oodml": oodml,
    "faiss": faiss_k_means,
    "scikit-learn": scikit_learn,
}


def inertia(rows: Any, assignment: Any) -> float:
    total = 0.0
    for cluster in np.unique(assignment):
        members = rows[assignment == cluster].astype(np.float64)
        total += float(((members - members.mean(axis=0)) ** 2).sum())
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5924)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--noise", type=float, default=2.5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engines", default="oodml,faiss,scikit-learn")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    labels = random.integers(0, options.classes, options.images)
    rows = random.standard_normal((options.classes, options.dim), dtype=np.float32)[labels]
    rows += options.noise * random.standard_normal(rows.shape, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    print(f"{options.images} images, {options.classes} clusters, d = {options.dim}")
    for seed in range(options.repeats):
        for engine in options.engines.split(","):
            start = time.perf_counter()
            assignment = ENGINES[engine](rows, options.classes, seed)
            seconds = time.perf_counter() - start
            score = nmi(contingency(labels, assignment))
            print(
                f"seed {seed} {engine:14s} {seconds:8.2f} s  inertia {inertia(rows, assignment):.2f}"
                f"  NMI {score:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
