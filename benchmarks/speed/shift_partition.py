"""One partition of 100 + 100 classes at D = 2048, and a whole 25-step ladder of them.

    python benchmarks/speed/shift_partition.py [--repeats 3]

Targets: a partition at most 1 ms and at least 10,000 times as fast as the reference with K at
hand, agreement 1e-9 with a direct SVD; the ladder at most 0.2 s and at least 1,000 times as fast.
The reference ladder is the reference's distance times the number of distances on the ladder.
"""

from __future__ import annotations

import numpy as np
from shift_reference import (
    arguments,
    class_mean_like,
    interleaved,
    median,
    papers_distance,
    report,
    svd_distance,
    timed,
)

from oodml.shift.distance.means import ClassMeans
from oodml.shift.generators import Partition, Problem, create_generator
from oodml.shift.start import class_units


def main() -> None:
    chosen = arguments("partition and ladder speed", repeats=2)
    rows = class_mean_like(200, 2048)
    means = class_means_of(rows)
    left, right = np.arange(100), np.arange(100, 200)
    means.frechet(left, right)  # K at hand
    ours, theirs = interleaved(
        lambda: means.frechet(left, right),
        lambda: papers_distance(rows[left], rows[right]),
        chosen.repeats,
        turns=5,
        inner=50,
    )
    steps: list[Partition] = []
    seconds = []
    for _ in range(5):
        spent, steps = timed(lambda: ladder(rows))
        seconds.append(spent)
    exact = svd_distance(rows[left], rows[right])
    papers = papers_distance(rows[left], rows[right])
    report(
        {
            "partition, ours [ms]": 1e3 * median(ours),
            "partition, ours, fastest turn [ms]": 1e3 * min(ours),
            "partition, scipy sqrtm [s]": median(theirs),
            "partition, times as fast": median(theirs) / median(ours),
            "relative difference from a direct SVD": abs(means.frechet(left, right) / exact - 1),
            "with eps 1e-8, relative difference from sqrtm": abs(
                means.frechet(left, right, eps=1e-8) / papers - 1
            ),
            "ladder of 25 steps, ours [s]": median(seconds),
            "ladder, ours, fastest turn [s]": min(seconds),
            "distances on the ladder": len(steps),
            "ladder, times as fast": len(steps) * median(theirs) / median(seconds),
        },
        chosen.json,
    )


def class_means_of(rows: np.ndarray) -> ClassMeans:
    names = tuple(f"class{number:06d}" for number in range(len(rows)))
    return ClassMeans(names, rows - rows.mean(axis=0), np.full(len(rows), 10))


def ladder(rows: np.ndarray) -> list[Partition]:
    """Gram matrix and 25 recorded steps of the papers' heuristic, every distance exact."""
    means = class_means_of(rows)
    half = len(rows) // 2
    problem = Problem(
        means=means,
        left=np.arange(half),
        right=np.arange(half, len(rows)),
        units=class_units(means, None, False),
        fixed=np.zeros(len(rows), dtype=bool),
        levels=8,
        targets=None,
        image_tolerance=None,
        seed=0,
    )
    return create_generator("oodml", iterations=25, easier_iterations=0).search(problem)


if __name__ == "__main__":
    main()
