"""Images a second of the training input: ours from JPEG and from the store, and the papers' path.

The papers: PIL, Resize(256), RandomResizedCrop(224), flip, ToTensor, Normalize, one process. Ours:
the same recipe (``sec``). Interleaved; one core is meant: OMP_NUM_THREADS=1 taskset -c 0.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from oodml._bootstrap import import_torchvision
from oodml.datasets.image_files import images_below
from oodml.datasets.resized import resized_images
from oodml.features.preprocessing import Preprocessing
from oodml.training import AugmentedImages
from oodml.training.augmentation import create_augmentation

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGES = 128


def photographs(folder: Path | None, place: Path) -> list[Path]:
    """So many JPEGs of ``folder``, or smooth noise at the size of a CUB photograph."""
    if folder is not None:
        found = sorted(folder.rglob("*.jpg"))
        return found[:: max(1, len(found) // IMAGES)][:IMAGES]
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (47, 63, 3), dtype=np.uint8))
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(
            place / f"{number:03d}.jpg", quality=90
        )
    return sorted(place.glob("*.jpg"))


def papers_path(files: list[Path]) -> Callable[[], torch.Tensor]:
    import_torchvision()
    from torchvision import transforms

    steps = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.RandomResizedCrop(224, scale=(0.16, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return lambda: torch.stack([steps(Image.open(path).convert("RGB")) for path in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="folder with JPEGs; default: generated ones")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        files = photographs(arguments.images, Path(place))
        small = Path(place) / "small"
        small.mkdir()
        for number, path in enumerate(files):
            (small / f"{number:03d}.jpg").write_bytes(path.read_bytes())
        dataset = images_below(small, "speed-of-input")
        view = Preprocessing(224, 256, "bilinear", MEAN, STD)
        recipe = create_augmentation("sec")
        store = resized_images(dataset, 256, "bilinear")
        jpeg = AugmentedImages(dataset, view, recipe)
        stored = AugmentedImages(dataset, view, recipe, store)
        rows = np.arange(len(dataset))
        paths: dict[str, Callable[[], torch.Tensor]] = {
            "the papers' path": papers_path(sorted(small.glob("*.jpg"))),
            "ours from JPEG": lambda: jpeg.training_batch(rows, 0),
            "ours from the store": lambda: stored.training_batch(rows, 0),
        }
        times: dict[str, list[float]] = {name: [] for name in paths}
        for one in paths.values():
            one()
        for _ in range(arguments.repeats):
            for name, one in paths.items():
                start = time.perf_counter()
                one()
                times[name].append(time.perf_counter() - start)
        base = times["the papers' path"]
        for name, taken in times.items():
            ratio = statistics.median(b / t for b, t in zip(base, taken, strict=True))
            rate = len(rows) / min(taken)
            print(f"{name:20s} {rate:7.0f} images/s, {ratio:.2f} times the papers' path")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of all three {peak:.0f} MB")


if __name__ == "__main__":
    main()
