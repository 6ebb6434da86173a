"""Adding a part is one file with one decorator, nothing else touched: done here, in a copy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import oodml

CONTRIBUTING = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
FILES = {
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
    "methods/batches/first_items.py": '''
import numpy as np

from oodml.methods.batch_rule import BatchRule, Drawn, items_by_class, register_batch_rule


@register_batch_rule("first-items")
class FirstItems(BatchRule):
    """The first two items of every class."""

    def open(self, labels, size, seed):
        items = np.concatenate([one[:2] for one in items_by_class(labels)])
        return lambda step: Drawn(items)
''',
    "training/rules/first_score.py": '''
from oodml.training.selection import SelectionRule, register_selection_rule


@register_selection_rule("first-score")
class FirstScore(SelectionRule):
    """Stop at the first score."""

    needs = "training"

    def observe(self, step, model, scores):
        return True
''',
    "evaluation/classifiers/always_first.py": '''
import numpy as np

from oodml.evaluation.classifiers.registry import LinearPredictor, register_classifier


@register_classifier("always-first")
def always_first(rows, codes):
    """Says the first class."""
    return LinearPredictor(np.zeros((1, rows.shape[1])), np.zeros(1), codes[:1], False)
''',
    "runs/plan/conditions/twice.py": '''
from oodml.runs.plan.conditions import register_condition


@register_condition("twice")
def twice(context):
    """Two draws of the level as it is."""
    levels = list(context.each_level())
    return [context.split_of("twice", level, draw) for level in levels for draw in range(2)]
''',
    "runs/executors/in_line.py": '''
from oodml.runs.executors.registry import register_executor
from oodml.runs.work import work


@register_executor("in-line")
def in_line(job):
    """One cell after the other, without a word."""
    yield from work(job.folder, job.resources)
''',
    "reports/formats/names_only.py": '''
from oodml.reports.formats.registry import register_table_format


@register_table_format("names-only", suffix="names")
def names_only(summaries):
    """The labels, a line each."""
    return "".join(f"{label}\\n" for one in summaries for label in one.labels)
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

from oodml.core.vectors import VectorTable, write_vectors
from oodml.datasets.added import Handed, add_dataset
from oodml.evaluation import episode_accuracy
from oodml.methods.batch_rule import create_batch_rule
from oodml.reports import render, summarise
from oodml.runs.executors import list_executors

labels = np.repeat(np.arange(12), 6)
found["batch rule"] = len(create_batch_rule("first-items").open(labels, 24, 0)(3).positions)
found["classifier"] = episode_accuracy(
    np.eye(12)[labels][:18], labels[:18], [[0, 6, 12]], classifier="always-first"
).round(3).tolist()
vectors = np.random.default_rng(1).normal(size=(12, 4))[labels] + 0.1
ids, classes = tuple(f"i{n}" for n in range(72)), tuple(f"c{n:02d}" for n in labels)
write_vectors(here / "toy.parquet", VectorTable(ids, vectors.astype(np.float32), {"label": classes}))
add_dataset("toy", "vectors", Handed(table=here / "toy.parquet"))
spec = {
    "schema_version": 2, "name": "toy", "dataset": "toy", "seeds": [0], "levels": [0],
    "conditions": ["forward", "twice"], "features": {"backbone": "identity"},
    "ladder": {"levels": 2, "shots": [2], "episodes": 2},
    "training": {"steps": 9, "batch_size": 12, "embedding_dim": 4, "evaluate_every": 3,
                 "selection": "first-score"},
    "tasks": [{"name": "retrieval"}, {"name": "spread", "scale": 2.0}],
    "methods": [{"name": "triplet"}],
}
results = oodml.run(spec, here / "run", executor="in-line")
found["executor"] = "in-line" in list_executors()
twice = results[results["condition"] == "twice"]
found["condition"] = sorted(twice["draw"].unique().tolist())
found["rule"] = set(results["selection"]) == {"first-score"}
forward = results[results["condition"] == "forward"]
found["table format"] = render(summarise(forward), "names-only")
spread = forward.set_index("metric")["value"]["spread"]
found["task"] = [bool(spread > 0), set(forward[forward["metric"] == "spread"]["task"]) == {"spread"}]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a copy of the package finds after each file was dropped into its folder."""
    copy = tmp_path_factory.mktemp("copy")
    package = Path(oodml.__file__).parent
    shutil.copytree(package, copy / "oodml", ignore=shutil.ignore_patterns("__pycache__"))
    files = {
        **FILES,
        "runs/tasks/spread.py": example("Add a task"),
        "shift/measures/gap.py": example("Add a shift measure"),
    }
    for place, text in files.items():
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


def example(section: str) -> str:
    """The Python block of a section of CONTRIBUTING."""
    text = CONTRIBUTING.read_text(encoding="utf-8").split(f"\n## {section}\n")[1]
    block = re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    assert len(block[1].splitlines()) < 40
    return block[1]


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
        ("batch rule", 24),
        ("classifier", [0.333]),
        ("rule", True),
        ("condition", [0, 1]),
        ("executor", True),
        ("table format", "triplet\n"),
        ("task", [True, True]),
    ],
)
def test_one_file_is_enough(found: dict[str, object], part: str, expected: object) -> None:
    assert found[part] == expected
