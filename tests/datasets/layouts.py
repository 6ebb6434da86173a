"""Small data sets on disk for the tests of this room."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def image_folder(root: Path, classes: dict[str, int]) -> Path:
    """Folders ``class/NN.png`` with so many images each."""
    seed = 0
    for name, count in classes.items():
        for number in range(count):
            write_image(root / name / f"{number:02d}.png", seed := seed + 1)
    return root


def cub(root: Path, classes: dict[str, int]) -> Path:
    """The official layout; class names begin with their number."""
    images, labels = [], []
    for name, count in classes.items():
        for number in range(count):
            path = f"{name}/{name.split('.')[1]}_{number}.jpg"
            images.append(path)
            labels.append(str(int(name.split(".")[0])))
            write_image(root / "images" / path, len(images))
    numbered = list(enumerate(images, start=1))
    (root / "images.txt").write_text("".join(f"{n} {path}\n" for n, path in numbered))
    (root / "image_class_labels.txt").write_text(
        "".join(f"{n} {label}\n" for n, label in enumerate(labels, start=1))
    )
    (root / "classes.txt").write_text(
        "".join(f"{int(name.split('.')[0])} {name}\n" for name in classes)
    )
    return root


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            opened.write(path, path.relative_to(folder.parent))
    return archive


def tarred(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(folder, folder.name)
    return archive


def hostile_tar(archive: Path, member: tarfile.TarInfo, data: bytes = b"") -> Path:
    with tarfile.open(archive, "w") as opened:
        member.size = len(data)
        opened.addfile(member, io.BytesIO(data))
    return archive
