"""A gallery of a million: exact ranks of 10,000 queries within a stated memory.

    python benchmarks/speed/evaluation_large_gallery.py --gallery 1000000 --queries 10000 --dim 128

Prints the wall time and the peak memory of the whole process, the embeddings included.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from oodml.evaluation import positive_ranks, report_from_ranks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--memory", type=int, default=256, help="memory_mib of positive_ranks")
    parser.add_argument("--device")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    centres = random.standard_normal((options.classes, options.dim), dtype=np.float32)

    def draw(count: int, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = random.integers(0, options.classes, count)
        rows = centres[labels]
        for start in range(0, count, 65536):
            part = rows[start : start + 65536]
            part += options.noise * random.standard_normal(part.shape, dtype=np.float32)
        return rows, labels

    gallery, gallery_labels = draw(options.gallery, centres)
    queries, labels = draw(options.queries, centres)
    del centres
    positive_ranks(queries[:300], labels[:300])  # libraries and compiled code
    start = time.perf_counter()
    ranks = positive_ranks(
        queries,
        labels,
        gallery_embeddings=gallery,
        gallery_labels=gallery_labels,
        memory_mib=options.memory,
        device=options.device,
    )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds:.1f} s, peak {peak:.0f} MiB, gallery alone {gallery.nbytes / 2**20:.0f} MiB")
    for name, value in report_from_ranks(ranks).metrics.items():
        print(f"{name} {value:.6f}")


if __name__ == "__main__":
    main()
