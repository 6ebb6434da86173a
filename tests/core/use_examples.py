"""Uses every example of CONTRIBUTING; run as a program, it prints what it found as JSON.

Arguments: a folder to work in, the folder of the oodml that must be the one imported, and the package
in which the example of a metric stands.
"""

from __future__ import annotations

import doctest
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import oodml
from oodml.core.vectors import VectorTable, write_vectors
from oodml.datasets import load_dataset
from oodml.datasets.added import Handed, add_dataset
from oodml.evaluation import episode_accuracy, evaluate, get_metric
from oodml.features import extract_features
from oodml.features.preprocessing import Preprocessing
from oodml.methods import create_method, list_methods
from oodml.methods.batch_rule import create_batch_rule
from oodml.reports import render, summarise
from oodml.runs.executors import list_executors
from oodml.shift import generate_ladder, measure_ladder
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.formats import Origin, read_split_file, write_split_files
from oodml.training.augmentation import create_augmentation

here, package, modules = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
assert Path(oodml.__file__).parent == package, oodml.__file__
torch.set_num_threads(1)
found: dict[str, object] = {}

features = extract_features(load_dataset("squares"), "mean-colour", engine="inference-mode")
found["data set"] = list(features.class_names)
found["backbone"] = [round(float(row[0]), 2) for row in features.features[::3]]
found["engine"] = features.manifest["engine"]["name"]

(here / "photos").mkdir()
for name, grey in [("cat_1", 10), ("cat_2", 20), ("dog_1", 30), ("dog_2", 40)]:
    Image.new("L", (40, 40), grey).save(here / "photos" / f"{name}.png")
add_dataset("pets", "prefixed", Handed(folder=here / "photos"))
found["layout"] = list(load_dataset("pets").class_names)

rows = np.repeat(np.random.default_rng(0).normal(size=(12, 5)), 3, axis=0)
names = np.repeat([f"c{i:02d}" for i in range(12)], 3)
ladder = generate_ladder(rows, names, "one-swap", 2, pairs=2)
found["generator"] = [ladder.generator, ladder.options["pairs"]]
measured = measure_ladder(ladder, LabelledFeatures.of(rows, names), ["gap"])
found["measure"] = [list(measured.names), bool((measured.values > 0).all())]
[path] = write_split_files(ladder, here / "out", "lines", Origin(""))
found["split format"] = list(read_split_file(path).levels[0].test) == list(ladder.levels[-1].test)

image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("RGB")
plain = Preprocessing(size=8, resize=8, interpolation="bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)
turned = create_augmentation("quarter-turns", most=2)
corners = {
    turned.view(image, plain, np.random.default_rng(seed)).getpixel((0, 0))[0] for seed in range(20)
}
found["augmentation"] = sorted(corners)

labels = np.repeat(np.arange(12), 6)
batch = create_batch_rule("first-items", items=3).open(labels, 36, 0)
found["batch rule"] = batch(3).positions[:4].tolist()
support = np.eye(12)[labels][:18]
found["classifier"] = episode_accuracy(
    support, labels[:18], [[0, 6, 12]], classifier="always-first"
).round(3).tolist()  # fmt: skip

report = evaluate(np.eye(12)[labels], labels, ["full_recall_precision"])
found["metric"] = report.metrics["full_recall_precision"]
found["metric's unit"] = get_metric("full_recall_precision").unit
metric = importlib.import_module(f"{modules}.full_recall_precision")
found["metric's example"] = list(doctest.testmod(metric))[:2]
found["methods"] = ["centre-spread" in list_methods(), create_method("norm-gap-triplet").label]

vectors = np.random.default_rng(1).normal(size=(12, 4))[labels] + 0.1
ids, classes = tuple(f"i{n}" for n in range(72)), tuple(f"c{n:02d}" for n in labels)
table = here / "toy.parquet"
write_vectors(table, VectorTable(ids, vectors.astype(np.float32), {"label": classes}))
add_dataset("toy", "vectors", Handed(table=table))
spec = {
    "schema_version": 2, "name": "toy", "dataset": "toy", "seeds": [0], "levels": [0],
    "conditions": ["forward", "twice"], "features": {"backbone": "identity"},
    "ladder": {"levels": 2, "shots": [2], "episodes": 2},
    "training": {"steps": 9, "batch_size": 12, "embedding_dim": 4, "evaluate_every": 3,
                 "selection": "first-score"},
    "tasks": [{"name": "retrieval"}, {"name": "spread", "scale": 2.0}],
    "methods": [{"name": "centre-spread"}, {"name": "norm-gap-triplet"}],
}  # fmt: skip
results = oodml.run(spec, here / "run", executor="in-line")
in_processes = oodml.run(spec, here / "processes", workers=2)
found["workers"] = results.equals(in_processes)
found["executor"] = "in-line" in list_executors()
twice = results[results["condition"] == "twice"]
found["condition"] = sorted(twice["draw"].unique().tolist())
found["selection rule"] = sorted(set(results["selection"]))
forward = results[results["condition"] == "forward"]
found["table format"] = render(summarise(forward), "names-only")
spread = forward[forward["metric"] == "spread"]
found["task"] = [bool((spread["value"] > 0).all()), sorted(set(spread["task"]))]
print(json.dumps(found))
