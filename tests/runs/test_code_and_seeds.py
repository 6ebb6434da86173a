"""What a cell's numbers depend on: the code that computes them, seeds of every generator, weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_specs import SMALL, opened

import oodml
from oodml.core.errors import IntegrityError
from oodml.methods import Method, registry
from oodml.methods.term import Term
from oodml.runs import parse_spec
from oodml.runs.plan.outdated import outdated
from oodml.runs.plan.plan_file import read_plan

SPEC: dict[str, Any] = {**SMALL, "tasks": [{"name": "retrieval"}]}


class Noisy(Term):
    """A loss that draws from all global generators."""

    def forward(self, step: Any) -> torch.Tensor:
        noise = random.random() + np.random.rand() + torch.rand(()).item()  # noqa: NPY002
        order = np.random.permutation(len(step.embedding))  # noqa: NPY002
        weights = torch.from_numpy(order / len(order)).float()
        return (weights * (step.embedding - noise).pow(2).mean(dim=1)).mean()


def _register(name: str, monkeypatch: pytest.MonkeyPatch, term: type[Term]) -> None:
    class Mine(Method):
        """A method of a test."""

        def terms(self, dims: Any) -> dict[str, Term]:
            return {"loss": term()}

    Mine.name = name
    monkeypatch.setitem(registry._methods._entries, name, Mine)


def test_whatever_a_loss_draws_from_the_run_repeats(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _register("noisy", monkeypatch, Noisy)
    spec = {**SPEC, "seeds": [0, 1], "methods": [{"name": "noisy"}]}
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    state = random.getstate()
    first = oodml.run(spec, tmp_path / "first", executor="serial")
    assert random.getstate() == state  # the caller's own stream goes on as it was
    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    second = oodml.run(spec, tmp_path / "second", executor="serial")
    pd.testing.assert_frame_equal(first, second)
    weights = [
        {
            path.parent.name: path.read_bytes()
            for path in (tmp_path / name).glob("cells/*/*.safetensors")
        }
        for name in ("first", "second")
    ]
    assert weights[0] == weights[1]
    assert len(set(weights[0].values())) == 4


class Negated(Noisy):
    def forward(self, step: Any) -> torch.Tensor:
        return -super().forward(step)


def test_a_method_whose_code_changed_is_run_again(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of a class in this file is this file's: its hash is made to change here."""
    from oodml.core import code

    out = tmp_path / "out"
    _register("mine", monkeypatch, Noisy)
    spec = parse_spec({**SPEC, "methods": [{"name": "frozen"}, {"name": "mine"}]})
    first = oodml.run(spec, out, executor="serial")
    plan = read_plan(out)
    (name,) = next(cell for cell in plan.cells if cell.method == "mine").code
    assert name.endswith("Mine")
    assert outdated(plan, spec).other_code == {}

    monkeypatch.setattr(code, "_with_siblings", lambda file: "another source")
    _register("mine", monkeypatch, Negated)
    fresh = parse_spec({**SPEC, "methods": [{"name": "frozen"}, {"name": "mine"}]})
    found = outdated(plan, fresh)
    assert not found.spec_changed
    assert len(found.other_code) == 2
    assert set(found.other_code.values()) == {f"source of {name}"}
    second = oodml.run(fresh, out, executor="serial")
    changed = first["run_id"] != second["run_id"]
    assert set(first[changed]["label"]) == {"mine"}
    assert set(first[~changed]["label"]) == {"frozen"}
    values = [table[table["label"] == "mine"]["value"].tolist() for table in (first, second)]
    assert values[0] != values[1]
    assert len(list(out.glob("results-*.parquet"))) == 1


def test_a_backbone_of_other_weights_is_refused(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unseeded weights differ in every process; features and cells must come from the same ones."""
    from oodml.features.backbone import Backbone
    from oodml.runs import workbench
    from oodml.training import TrainingSettings

    _, bench, _ = opened(parse_spec(SPEC), tmp_path / "out")
    network = TrainingSettings(mode="network")
    assert bench.trunk(network) is not None

    def unseeded(name: str) -> Backbone:
        return Backbone(name, 16, None, "none", lambda: torch.nn.Linear(16, 16))

    monkeypatch.setattr(workbench, "create_backbone", unseeded)
    with pytest.raises(IntegrityError, match="weights must be the same in every process"):
        bench.trunk(network)


def test_files_of_other_code_are_another_cache_entry(
    monkeypatch: pytest.MonkeyPatch, vector_data: str
) -> None:
    from oodml.datasets import load_dataset
    from oodml.features import extract, extract_features

    plain = extract_features(load_dataset("toy"), "identity")
    assert "code" not in plain.manifest
    monkeypatch.setattr(extract, "backbone_code", lambda name: {"lab.nets.mine": "0" * 12})
    assert extract_features(load_dataset("toy"), "identity").key != plain.key
