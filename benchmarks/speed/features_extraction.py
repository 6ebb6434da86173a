"""Images a second through a backbone by every engine, and from JPEG files to rows.

    python benchmarks/speed/features_extraction.py [--backbone tf_efficientnet_lite0] [--size 224]
        [--images 128] [--turns 5] [--pipeline FOLDER] [--json]

The engines take turns on the same batches, so that a busy machine slows all of them; a ratio is the
median of the ratios of turns that follow each other. ``eager`` is the module as torch runs it,
channels first, which is what extraction did before there were engines. Peak memory is of a process
that does nothing else. ``torch-compile`` takes minutes to start on two cores; ``--engines`` leaves
it out. Target: the engine ``auto`` chooses is at least 4 times as fast as eager.

``--pipeline``: a folder of JPEG files to go from files to rows, cold; without it 1,000 noisy
photographs of 227 px are made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from oodml.core.errors import OodmlError
from oodml.datasets.images import decode_image
from oodml.features.batches import image_batches
from oodml.features.engines import create_engine
from oodml.features.registry import create_backbone

ENGINES = ("eager", "torch", "torch-compile", "onnxruntime")
BATCH = 64
Runner = Callable[[torch.Tensor], torch.Tensor]


class Files:
    """As much of a data set as the pipeline needs: images in a list of files."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.image_ids = tuple(str(path) for path in paths)

    def load_image(self, index: int) -> Image.Image:
        return decode_image(self.paths[index])


def main() -> None:
    parser = argparse.ArgumentParser(description="speed of feature extraction")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--size", type=int)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--pipeline", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.memory_of:
        print(peak_memory(chosen.memory_of, chosen))
        return
    found = {**compared(chosen), **pipeline(chosen)}
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:58s} {value if isinstance(value, str) else f'{value:.4g}'}")


def compared(chosen: argparse.Namespace) -> dict[str, float | str]:
    """Every engine on the same noise, in turns."""
    batches = inputs(chosen).split(BATCH)
    runners: dict[str, Runner] = {}
    found: dict[str, float | str] = {"threads": torch.get_num_threads()}
    for name in chosen.engines.split(","):
        start = time.perf_counter()
        try:
            runners[name] = runner(name, chosen)
            runners[name](batches[0])
        except OodmlError as error:
            found[f"{name}, skipped"] = str(error)
            continue
        found[f"{name}, made ready and first batch [s]"] = time.perf_counter() - start
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(chosen.turns):
        for name, run in runners.items():
            start = time.perf_counter()
            for batch in batches:
                run(batch)
            seconds[name].append(time.perf_counter() - start)
    expected = runners["eager"](batches[0])
    for name, run in runners.items():
        found[f"{name} [images/s]"] = chosen.images / statistics.median(seconds[name])
        ratios = [a / b for a, b in zip(seconds["eager"], seconds[name], strict=True)]
        found[f"{name}, times as fast as eager"] = statistics.median(ratios)
        found[f"{name}, largest difference from eager"] = float(
            (run(batches[0]) - expected).abs().max()
        )
    found["largest feature"] = float(expected.abs().max())
    for name in runners:
        command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", name]
        peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found[f"{name}, peak memory of a process of its own [MiB]"] = float(peak.split()[-1])
    return found


def inputs(chosen: argparse.Namespace) -> torch.Tensor:
    preprocessing = create_backbone(chosen.backbone).preprocessing
    assert preprocessing is not None, "an image backbone"
    side = chosen.size or preprocessing.size
    shape = (chosen.images, len(preprocessing.mean), side, side)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def runner(name: str, chosen: argparse.Namespace) -> Runner:
    """``eager`` or an engine; OodmlError when it cannot run here."""
    module = create_backbone(chosen.backbone).module
    if name != "eager":
        return create_engine(name, module, inputs(chosen)[:2], device="cpu").run

    def eager(batch: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            rows: torch.Tensor = module(batch)
        return rows

    return eager


def peak_memory(name: str, chosen: argparse.Namespace) -> float:
    """MiB this process has had at most, after one batch by one engine; NaN where not Linux.

    Not ``getrusage``: a process started by a large one inherits that one's peak.
    """
    runner(name, chosen)(inputs(chosen)[:BATCH])
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def pipeline(chosen: argparse.Namespace) -> dict[str, float | str]:
    """From files to rows: what ``extract_features`` does, without the cache around it."""
    backbone = create_backbone(chosen.backbone)
    assert backbone.preprocessing is not None
    preprocessing = backbone.preprocessing.at_size(chosen.size)
    engine = create_engine("auto", backbone.module, inputs(chosen)[:2], device="cpu")
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.pipeline or pictures(Path(made))
        dataset = Files(sorted(folder.rglob("*.jpg"))[:1000])
        start = time.perf_counter()
        for _ in image_batches(dataset, preprocessing, 0, BATCH):  # type: ignore[arg-type]
            pass
        decoding = time.perf_counter() - start
        start, cores = time.perf_counter(), time.process_time()
        for _, batch in image_batches(dataset, preprocessing, 0, BATCH):  # type: ignore[arg-type]
            engine.run(batch)
        whole, cores = time.perf_counter() - start, time.process_time() - cores
    count = len(dataset.paths)
    return {
        "pipeline, JPEG files": count,
        "pipeline, engine": engine.name,
        "pipeline, decoding and preprocessing alone [images/s]": count / decoding,
        "pipeline, from files to rows [images/s]": count / whole,
        "pipeline, processor time an image [ms]": 1e3 * cores / count,
    }


def pictures(folder: Path) -> Path:
    """1,000 JPEG files of 227 px: smooth shapes under noise, about as large as photographs."""
    rng = np.random.default_rng(0)
    for number in range(1000):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((227, 227), Image.Resampling.BICUBIC), np.float32)
        noisy = smooth + rng.normal(0, 6, smooth.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:04d}.jpg")
    return folder


if __name__ == "__main__":
    main()
