"""The method and the wrapper that CONTRIBUTING adds as examples are found by their files alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from loss_checks import check_loss

CONTRIBUTING = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"

# In a process of its own, whose package has one folder more: a registry keeps what it is given.
SCRIPT = """
import importlib, json, sys
import numpy as np
import torch
from lightning_fabric import Fabric
folder, package, name = sys.argv[1:]
importlib.import_module(package).__path__.append(folder)
from oodml.methods import Dims, create_method, list_methods
from oodml.training import CachedFeatures, Embedder, Feed, TrainingSettings, embed, train
import oodml
torch.set_num_threads(1)
labels = np.repeat(np.arange(6), 8)
rng = np.random.default_rng(0)
rows = rng.normal(size=(6, 8))[labels] + 1.5 * rng.normal(size=(48, 8))
source, fabric = CachedFeatures(rows.astype(np.float32)), Fabric(accelerator="cpu", devices=1)
method = create_method(name)
scores = []
for steps in (1, 40):
    torch.manual_seed(0)
    model = Embedder.of(method, torch.nn.Identity(), Dims(8, 8, 6))
    settings = TrainingSettings(batch_size=24, steps=steps, learning_rate=0.05)
    feed = Feed(source, np.arange(48), labels, method.batches(), 24, 0)
    train(model, method.terms(model.dims(6)), feed, settings, fabric)
    rows = embed(model, source, np.arange(48), fabric)
    scores.append(oodml.evaluate(rows, labels).metrics["map_at_r"])
print(json.dumps({"listed": name in list_methods(), "label": method.label, "scores": scores}))
"""


def example(section: str) -> str:
    text = CONTRIBUTING.read_text(encoding="utf-8").split(f"\n## {section}\n")[1]
    return re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize(
    ("section", "package", "name", "listed"),
    [
        ("Add a method", "oodml.methods.builtin", "centre-spread", True),
        ("Add a wrapper", "oodml.methods.wrappers", "norm-gap-triplet", False),
    ],
)
def test_the_example_of_contributing(
    tmp_path: Path, section: str, package: str, name: str, listed: bool
) -> None:
    code = example(section)
    assert len(code.splitlines()) < 40
    (tmp_path / "an_example.py").write_text(code, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), package, name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["listed"] == listed
    assert found["label"] == name
    assert found["scores"][1] > found["scores"][0]


def test_the_examples_loss_holds_what_every_loss_must() -> None:
    """Without its decorator: the registry keeps what it is given."""
    code = example("Add a method").split("@register_method")[0]
    found: dict = {}
    exec(code, found)

    def reference(rows: torch.Tensor, labels: list[int], loss: torch.nn.Module) -> torch.Tensor:
        unit = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
        sides: dict[bool, list[torch.Tensor]] = {True: [], False: []}
        for i, first in enumerate(labels):
            for j, second in enumerate(labels):
                sides[first == second].append((unit[i] - unit[j]).square().sum())
        same, other = (
            torch.stack(side).mean() if side else rows.sum() * 0 for side in sides.values()
        )
        return same - loss.weight * other

    check_loss(lambda: found["CentreSpread"](0.7), reference)
