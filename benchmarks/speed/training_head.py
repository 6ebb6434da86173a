"""Time of a head's step and the share of it in matrix products: the demo's shape on one thread.

300 steps, batch 120, 1,280 features -> 128 columns.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.profiler import ProfilerActivity, profile

import oodml
from oodml.methods import Dims
from oodml.training import CachedFeatures, Embedder, Feed, TrainingSettings, train

ROWS, FEATURES, COLUMNS, CLASSES = 3000, 1280, 128, 100
PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm")


def run(name: str, settings: TrainingSettings, features: np.ndarray) -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    labels = np.repeat(np.arange(CLASSES), ROWS // CLASSES)
    method = oodml.create_method(name)
    model = Embedder.of(method, nn.Identity(), Dims(FEATURES, COLUMNS, CLASSES), settings)
    rule, size = method.batches(), settings.batch_size
    feed = Feed(CachedFeatures(features), np.arange(ROWS), labels, rule, size, 0)
    wall, processor = time.perf_counter(), time.process_time()
    terms = method.terms(model.dims(CLASSES))
    train(model, terms, feed, settings, Fabric(accelerator="cpu", devices=1))
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", default="classification,multi-similarity,triplet,sec-triplet")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    features = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype(np.float32)
    settings = TrainingSettings(embedding_dim=COLUMNS)
    for name in arguments.methods.split(","):
        run(name, settings, features)
        times = [run(name, settings, features) for _ in range(arguments.repeats)]
        wall, processor = (min(one) / settings.steps * 1e3 for one in zip(*times, strict=True))
        with profile(activities=[ProfilerActivity.CPU]) as found:
            run(name, settings, features)
        events = found.key_averages()
        products = sum(one.self_cpu_time_total for one in events if one.key in PRODUCTS)
        products /= settings.steps * 1e3
        print(
            f"{name:18s} {wall:6.2f} ms a step ({processor:.2f} of the processor), "
            f"{products:.2f} in matrix products: {products / wall:.0%}"
        )


if __name__ == "__main__":
    main()
