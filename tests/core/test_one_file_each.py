"""Adding a part is one file with one decorator, nothing else touched: done here, in a copy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import oodml

FILES = {
    "shift/measures/gap.py": '''
from oodml.shift.measures.base import Sides, register_measure


@register_measure("gap")
def gap(sides: Sides) -> dict[str, float]:
    """Distance of the side means."""
    difference = sides.left_means.mean(axis=0) - sides.right_means.mean(axis=0)
    return {"gap": float((difference @ difference) ** 0.5)}
''',
    "shift/generators/one_swap.py": '''
from oodml.core.parameters import Parameter
from oodml.shift.generators import Generator, register_generator


@register_generator("one-swap")
class OneSwap(Generator):
    """The start, and the start with some pairs of classes swapped."""

    pairs = Parameter(3, "how many pairs are swapped, one after the other", minimum=1)

    def search(self, problem):
        left, right = problem.left.copy(), problem.right.copy()
        found = [problem.partition(left, right, "start", 0)]
        for pair in range(self.pairs):
            left[pair], right[pair] = right[pair], left[pair]
            found.append(problem.partition(left, right, "swapped", pair + 1))
        return found
''',
    "shift/formats/lines.py": '''
from oodml.core.files import write_text
from oodml.shift.formats.base import SplitFormat, register_format
from oodml.shift.formats.draft import LevelDraft, SplitDraft


@register_format("lines")
class Lines(SplitFormat):
    """A line a class: its side and its name."""

    suffixes = (".lines",)

    def read(self, path, dataset):
        sides = {"train": [], "test": []}
        for line in path.read_text().splitlines():
            side, name = line.split()
            sides[side].append(name)
        level = LevelDraft(train=tuple(sorted(sides["train"])), test=tuple(sorted(sides["test"])))
        return SplitDraft(path.stem, dataset, (level,), {"format": "lines"})

    def write(self, ladder, folder, origin):
        sides = {"train": ladder.levels[-1].training_side, "test": ladder.levels[-1].test}
        path = folder / "last.lines"
        write_text(path, "".join(f"{s} {n}\\n" for s, names in sides.items() for n in names))
        return [path]
''',
    "features/backbones/mean_colour.py": '''
from torch import nn

from oodml.features.backbone import Backbone
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import register_backbone


@register_backbone("mean-colour")
def mean_colour() -> Backbone:
    """Three features: the mean colour."""
    preprocessing = Preprocessing(8, 8, "bilinear", (0.0,) * 3, (1.0,) * 3)
    network = lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    return Backbone("mean-colour", 3, preprocessing, "none", network)
''',
    "datasets/rendered/squares.py": '''
import numpy as np
from PIL import Image

from oodml.datasets.base import ClassDataset, DatasetCard, dataset_fingerprint, labels_of
from oodml.datasets.registry import register_dataset

COLOURS = {"black": 0, "grey": 128, "silver": 192, "white": 255}


class Squares:
    def load(self, index):
        return Image.new("RGB", (8, 8), (list(COLOURS.values())[index // 3],) * 3)


@register_dataset("squares")
def squares() -> ClassDataset:
    """Grey squares."""
    classes = [name for name in COLOURS for _ in range(3)]
    ids = tuple(f"{name}-{i % 3}" for i, name in enumerate(classes))
    labels, names = labels_of(classes)
    card = DatasetCard("Squares", "Grey squares.", "CC0", "", "", "made here")
    fingerprint = dataset_fingerprint(ids, classes, [str(COLOURS[c]) for c in classes])
    return ClassDataset("squares", ids, labels, names, fingerprint, card, images=Squares())
''',
    "datasets/layouts/text_colours.py": '''
from oodml.datasets.layouts.kind import Kind
from oodml.datasets.registry import register_kind


@register_kind("text-colours")
class TextColours(Kind):
    """A text file of colours."""

    how_to_add = "oodml data add NAME --kind text-colours --dir DIR"

    def record(self, source, decode):
        raise NotImplementedError

    def load(self, name, source, record):
        raise NotImplementedError

    def verify(self, source, record):
        raise NotImplementedError
''',
}

USE = """
import json, sys
from pathlib import Path
import numpy as np
import oodml
from oodml.datasets import load_dataset
from oodml.datasets.registry import dataset_kinds
from oodml.features import extract_features
from oodml.shift import generate_ladder, measure_ladder
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.formats import Origin, read_split_file, write_split_files

here = Path(sys.argv[1])
assert Path(oodml.__file__).is_relative_to(here), oodml.__file__
found = {}
features = extract_features(load_dataset("squares"), "mean-colour")
found["dataset"] = list(features.class_names)
found["backbone"] = [round(float(row[0]), 2) for row in features.features[::3]]
found["kind"] = dataset_kinds().get("text-colours").how_to_add
rows = np.repeat(np.random.default_rng(0).normal(size=(12, 5)), 3, axis=0)
names = np.repeat([f"c{i:02d}" for i in range(12)], 3)
ladder = generate_ladder(rows, names, "one-swap", 2, pairs=2)
found["generator"] = [ladder.generator, ladder.options["pairs"]]
measured = measure_ladder(ladder, LabelledFeatures.of(rows, names), ["gap"])
found["measure"] = [list(measured.names), bool((measured.values > 0).all())]
[path] = write_split_files(ladder, here / "out", "lines", Origin(""))
found["format"] = list(read_split_file(path).levels[0].test) == list(ladder.levels[-1].test)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a copy of the package finds after each file was dropped into its folder."""
    copy = tmp_path_factory.mktemp("copy")
    package = Path(oodml.__file__).parent
    shutil.copytree(package, copy / "oodml", ignore=shutil.ignore_patterns("__pycache__"))
    for place, text in FILES.items():
        assert not (copy / "oodml" / place).exists()
        (copy / "oodml" / place).write_text(text.lstrip(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", USE, str(copy)],
        cwd=copy,
        env=_environment(copy),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _environment(copy: Path) -> dict[str, str]:
    import os

    return {**os.environ, "OODML_HOME": str(copy / "home"), "PYTHONPATH": str(copy)}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("measure", [["gap"], True]),
        ("generator", ["one-swap", 2]),
        ("format", True),
        ("backbone", [0.0, 0.5, 0.75, 1.0]),
        ("dataset", ["black", "grey", "silver", "white"]),
        ("kind", "oodml data add NAME --kind text-colours --dir DIR"),
    ],
)
def test_one_file_is_enough(found: dict[str, object], part: str, expected: object) -> None:
    assert found[part] == expected
