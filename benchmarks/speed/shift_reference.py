"""The papers' way to a class-mean distance, and helpers of the shift benchmarks.

The reference is written from the published description: covariances of the class means in D x D,
``scipy.linalg.sqrtm`` of their product with eps on both diagonals, real part.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import scipy.linalg


def papers_distance(a: np.ndarray, b: np.ndarray, eps: float = 1e-8) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 sqrtm((C1 + eps I)(C2 + eps I)))."""
    difference = a.mean(axis=0) - b.mean(axis=0)
    cov1, cov2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    ridge = eps * np.eye(len(cov1))
    root = scipy.linalg.sqrtm((cov1 + ridge) @ (cov2 + ridge))
    return float(difference @ difference + np.trace(cov1 + cov2) - 2 * np.trace(root).real)


def svd_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The same through singular values of the centred matrices, float64, nothing shared with ours."""
    m1, m2 = a.mean(axis=0), b.mean(axis=0)
    a, b = (a - m1) / np.sqrt(len(a) - 1), (b - m2) / np.sqrt(len(b) - 1)
    root = scipy.linalg.svdvals(a @ b.T).sum()
    return float((m1 - m2) @ (m1 - m2) + (a**2).sum() + (b**2).sum() - 2 * root)


def class_mean_like(classes: int, dims: int, seed: int = 0) -> np.ndarray:
    """Rows [classes, dims] with a decaying spectrum, like pooled features of a deep network."""
    rng = np.random.default_rng(seed)
    rows = np.empty((classes, dims))
    rng.standard_normal(out=rows)
    rows *= np.logspace(0, -1.5, dims)
    rows += 0.5
    return rows


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result of one call."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def interleaved(
    ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int, turns: int, inner: int
) -> tuple[list[float], list[float]]:
    """Seconds of each, turn by turn: theirs once, ours ``turns`` times the mean of ``inner`` calls."""
    first, second = [], []
    for _ in range(repeats):
        for _ in range(turns):
            first.append(timed(lambda: [ours() for _ in range(inner)])[0] / inner)
        second.append(timed(theirs)[0])
    return first, second


def in_fresh_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Result of ``work`` in a process of its own, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def resident_bytes() -> int:
    """Memory of this process now."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
    return peak_bytes()


def peak_bytes() -> int:
    """Most memory this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def arguments(description: str, repeats: int) -> argparse.Namespace:
    """Command line of a benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=repeats, help="turns of ours and theirs")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    return parser.parse_args()


def report(rows: dict[str, Any], as_json: bool) -> None:
    """Print the figures with what they were measured on."""
    rows = {"python": platform.python_version(), "numpy": np.__version__,
            "scipy": scipy.__version__, **rows}  # fmt: skip
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for name, value in rows.items():
        print(f"{name:46} {value:.4g}" if isinstance(value, float) else f"{name:46} {value}")


def median(values: list[float]) -> float:
    return float(statistics.median(values))
