"""Face verification on LFW's pairs: a loss with and without SEC.

    oodml data add lfw --kind image-folder --dir lfw
    oodml features export lfw --out lfw.parquet
    python benchmarks/studies/faces.py --features lfw.parquet --pairs pairs.txt

The 6,000 pairs come in ten folds whose people are disjoint; outside all folds there are too few
people with two images (52) to train on. So for every group of folds a model is trained on all people
with two images or more who are not in that group, and scores that group's pairs alone. Learning rate
and weight of SEC are chosen once for each method, on a fifth of the first group's training people, by
verification accuracy on pairs drawn among them. Prints accuracy (threshold from the other nine
folds), AUC, the spread of norms, and the differences to the first method with 95 % t-intervals over
the ten folds. Features keep their own lengths, for SEC is about lengths.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from scipy import stats

from oodml import create_method
from oodml.core.randomness import seed_all
from oodml.core.vectors import read_vectors
from oodml.evaluation import verification
from oodml.methods import Dims
from oodml.runs.tasks.verification import draw_pairs
from oodml.training import (
    CachedFeatures,
    Embedder,
    Feed,
    SealedSource,
    TrainingSettings,
    embed,
    start_from_features,
    train,
)

Rows = NDArray[np.int64]
COLUMNS = 512
RATES = (1e-4, 3e-4, 1e-3, 3e-3)
WEIGHTS = {"sec": (0.01, 0.1, 1.0), "l2": (1e-5, 1e-4, 1e-3)}


class Faces:
    """Features [N, D], the person of each row, and the official pairs."""

    def __init__(self, features: Path, pairs: Path, groups: int) -> None:
        table = read_vectors(features)
        self.features = table.vectors
        self.people, self.person = np.unique(table.columns["label"], return_inverse=True)
        row_of = {Path(one).stem: row for row, one in enumerate(table.ids)}
        lines = [line.split() for line in pairs.read_text().splitlines()[1:] if line.strip()]
        named = [one if len(one) == 4 else [one[0], one[1], one[0], one[2]] for one in lines]
        self.first = np.array([row_of[f"{a}_{int(i):04d}"] for a, i, _, _ in named])
        self.second = np.array([row_of[f"{b}_{int(j):04d}"] for _, _, b, j in named])
        self.same = np.array([a == b for a, _, b, _ in named])
        self.fold = np.arange(len(named)) * 10 // len(named)
        self.group = self.fold * groups // 10

    def trainable(self, group: int) -> Rows:
        """Rows of people outside a group of folds who have two images or more."""
        inside = self.group == group
        rows = np.concatenate([self.first[inside], self.second[inside]])
        counts = np.bincount(self.person)
        allowed = counts >= 2
        allowed[np.unique(self.person[rows])] = False
        return np.flatnonzero(allowed[self.person])


def trained(
    faces: Faces, rows: Rows, name: str, values: dict[str, Any], seed: int, steps: int
) -> Any:
    """A head trained on these rows alone; the function that embeds rows by it."""
    own = {key: value for key, value in values.items() if key != "learning_rate"}
    method = create_method(name, **own)
    settings = TrainingSettings(
        steps=steps, learning_rate=values["learning_rate"], input_length=0, embedding_dim=COLUMNS
    )
    fabric = Fabric(accelerator="cpu", devices=1)
    labels = np.unique(faces.person[rows], return_inverse=True)[1].astype(np.int64)
    width = faces.features.shape[1]
    seed_all(seed)
    dims = Dims(width, COLUMNS, int(labels.max()) + 1)
    model = Embedder.of(method, torch.nn.Identity(), dims, settings)
    terms = method.terms(dims)
    start_from_features(model.head, faces.features[rows])
    source = CachedFeatures(faces.features)
    feed = Feed(
        SealedSource(source, rows), rows, labels, method.batches(), settings.batch_size, seed
    )
    train(model, terms, feed, settings.at_rate(method.learning_rate_factor), fabric)
    return lambda wanted: embed(model, source, wanted, fabric)


def chosen(faces: Faces, name: str, steps: int) -> tuple[dict[str, Any], list[Any]]:
    """Values with the best accuracy on held-out training people of the first group."""
    rows = faces.trainable(0)
    people = np.unique(faces.person[rows])
    held = np.random.default_rng(0).choice(people, len(people) // 5, replace=False)
    inside = np.isin(faces.person[rows], held)
    codes = np.unique(faces.person[rows[inside]], return_inverse=True)[1].astype(np.int64)
    first, second, same = draw_pairs(codes, 4000, 0)
    folds = np.tile(np.arange(len(first) // 2) % 10, 2)
    around = name.split("-")[0]
    weights = [{f"{around}_weight": one} for one in WEIGHTS.get(around, ())] or [{}]
    found = []
    for rate, extra in itertools.product(RATES, weights):
        values = {"learning_rate": rate, **extra}
        embeddings = trained(faces, rows[~inside], name, values, 0, steps)(rows[inside])
        report = verification(embeddings, first, second, same, folds=folds)
        found.append((report.accuracy, values))
    return max(found, key=lambda one: one[0])[1], found


def held_out(
    faces: Faces, embed_rows: Callable[[Rows], NDArray[np.float32]], group: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings of both sides of a group's pairs."""
    inside = faces.group == group
    return embed_rows(faces.first[inside]), embed_rows(faces.second[inside])


_faces: Faces | None = None


def _open(features: Path, pairs: Path, groups: int) -> None:
    global _faces
    torch.set_num_threads(1)
    _faces = Faces(features, pairs, groups)


def _choose(name: str, steps: int) -> tuple[dict[str, Any], list[Any]]:
    assert _faces is not None
    return chosen(_faces, name, steps)


def _group(name: str, values: dict[str, Any], group: int, seed: int, steps: int) -> Any:
    assert _faces is not None
    return held_out(
        _faces, trained(_faces, _faces.trainable(group), name, values, seed, steps), group
    )


def scores(faces: Faces, sides: list[Any]) -> dict[str, Any]:
    """Each pair is scored by the head that did not see its people; groups are in order of folds."""
    first = np.concatenate([one[0] for one in sides])
    second = np.concatenate([one[1] for one in sides])
    rows = np.arange(len(first))
    both = np.concatenate([first, second])
    report = verification(both, rows, rows + len(first), faces.same, folds=faces.fold)
    per_fold = [
        verification(both, rows[inside], rows[inside] + len(first), faces.same[inside]).auc
        for inside in (faces.fold == fold for fold in range(10))
    ]
    norms = np.linalg.norm(np.concatenate([first, second]).astype(np.float64), axis=1)
    return {
        "accuracy": report.accuracy,
        "auc": report.auc,
        "eer": report.eer,
        "fold_auc": per_fold,
        "norm_mean": float(norms.mean()),
        "norm_std_over_mean": float(norms.std() / norms.mean()),
    }


def report(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    names = list(found)
    for name in names:
        runs = found[name]
        cells = [
            f"{key} {np.mean([one[key] for one in runs]):.4f}"
            for key in ("accuracy", "auc", "eer", "norm_mean", "norm_std_over_mean")
        ]
        yield f"{name:16} {'  '.join(cells)}  ({len(runs)} seeds)"
    base = np.mean([one["fold_auc"] for one in found[names[0]]], axis=0)
    for name in names[1:]:
        gain = np.mean([one["fold_auc"] for one in found[name]], axis=0) - base
        low, high = stats.t.interval(
            0.95, len(gain) - 1, gain.mean(), stats.sem(gain) or np.finfo(float).tiny
        )
        yield f"{name} - {names[0]}: AUC {gain.mean():+.4f} [{low:+.4f}, {high:+.4f}] over folds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--methods", default="arcface,sec-arcface,l2-arcface")
    parser.add_argument("--groups", type=int, default=10, choices=(1, 2, 5, 10))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    faces = Faces(given.features, given.pairs, given.groups)
    width = faces.features.shape[1]
    frozen = [
        held_out(faces, lambda rows: faces.features[rows], group) for group in range(given.groups)
    ]
    found = {"frozen": [scores(faces, frozen)]}
    print(f"{len(faces.features)} images, {len(faces.people)} people, features [{width}]")
    with ProcessPoolExecutor(
        given.workers, initializer=_open, initargs=(given.features, given.pairs, given.groups)
    ) as pool:
        names = given.methods.split(",")
        settled = dict(
            zip(names, pool.map(_choose, names, [given.steps] * len(names)), strict=True)
        )
        for name, (values, tried) in settled.items():
            print(f"{name}: {values}; tried {[(round(a, 4), v) for a, v in tried]}")
        jobs = list(itertools.product(names, range(given.seeds), range(given.groups)))
        sides = pool.map(
            _group,
            [name for name, _, _ in jobs],
            [settled[name][0] for name, _, _ in jobs],
            [group for _, _, group in jobs],
            [seed for _, seed, _ in jobs],
            [given.steps] * len(jobs),
        )
        by_job = dict(zip(jobs, sides, strict=True))
    for name in names:
        found[name] = [
            scores(faces, [by_job[name, seed, group] for group in range(given.groups)])
            for seed in range(given.seeds)
        ]
    compared = {name: found[name] for name in names}
    print(next(report({"frozen": found["frozen"]})))
    for line in report(compared):
        print(line)
    if given.json:
        given.json.write_text(json.dumps({"chosen": settled, "scores": found}, indent=1))


if __name__ == "__main__":
    main()
