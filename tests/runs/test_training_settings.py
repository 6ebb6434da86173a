"""Training settings through a whole run, and what of them is said before anything long starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from small_specs import SMALL, toml

import oodml
from oodml.cli import run_command
from oodml.core.errors import UsageError
from oodml.datasets.resized.cache import resized_entries
from oodml.features.registry import create_backbone
from oodml.runs import parse_spec
from oodml.runs.checks import check_before
from oodml.runs.plan.grid import grid
from oodml.runs.plan.settings import Setting, SplitSummary

NETWORK = {
    "mode": "network",
    "steps": 3,
    "batch_size": 8,
    "embedding_dim": 6,
    "backbone_learning_rate": 0.01,
}
RETRIEVAL = [{"name": "retrieval", "metrics": ["recall_at_1", "map_at_r"]}]
SETTING = Setting(
    dataset="toy",
    dataset_fingerprint="d" * 64,
    ladder="toy-ladder",
    ladder_sha256="a" * 64,
    shift_measure="fid",
    backbone="identity",
    image_size=None,
    features_key="f" * 64,
    pretraining="none",
    ladder_folder="ladders/toy",
    items_file="settings/x/items.parquet",
    splits=(SplitSummary("forward", 0, None, None, 0, 0, 0, 0, "forward"),),
)


def on_photos(*methods: dict[str, Any], **training: Any) -> dict[str, Any]:
    return {
        **SMALL,
        "dataset": "photos",
        "levels": [0],
        "features": {"backbone": "conv4", "image_size": 32},
        "training": {**NETWORK, **training},
        "tasks": RETRIEVAL,
        "methods": list(methods),
    }


def moved(results: pd.DataFrame, folder: Path) -> list[str]:
    """Names of the backbone's weights that the only cell's training moved."""
    (run_id,) = set(results["run_id"])
    weights = load_file(folder / "cells" / run_id / "embedder.safetensors")
    before = create_backbone("conv4").module.state_dict()
    return [
        name for name, value in before.items() if not torch.equal(weights[f"trunk.{name}"], value)
    ]


def test_ids_are_those_from_before_there_were_more_settings() -> None:
    """Taken at commit b00c04a, in modes head and network."""
    expected = {
        "head": ["68e5765e6574f210", "8afbca326f9d096f"],
        "network": ["68e5765e6574f210", "3b8d50d854e0ad37"],
    }
    spec: dict[str, Any] = {}
    for mode, ids in expected.items():
        spec = {
            "schema_version": 2,
            "name": "old",
            "dataset": "toy",
            "seeds": [0],
            "features": {"backbone": "identity"},
            "ladder": {"levels": 2},
            "training": {"mode": mode, "steps": 20, "batch_size": 24, "embedding_dim": 8},
            "tasks": [{"name": "retrieval"}],
            "methods": [{"name": "frozen"}, {"name": "triplet"}],
        }
        assert [cell.run_id for cell in grid(parse_spec(spec), [SETTING])] == ids
    spec["training"] = {**spec["training"], "mode": "head"}
    assert parse_spec(spec).sha256.startswith("e97402165ba1a8ae"), "nor is the spec another one"


def test_a_store_serves_a_whole_run(photos: Path, tmp_path: Path) -> None:
    results = oodml.run(on_photos({"name": "triplet"}, store=40), tmp_path / "o", executor="serial")
    (entry,) = resized_entries()
    assert entry.dataset == "photos"
    assert moved(results, tmp_path / "o")
    other = oodml.run(on_photos({"name": "triplet"}), tmp_path / "p", executor="serial")
    assert set(results["run_id"]).isdisjoint(other["run_id"]), "views from a store are others"


def test_a_damaged_store_is_a_failure_that_names_it(photos: Path, tmp_path: Path) -> None:
    spec = on_photos({"name": "triplet"}, store=40)
    oodml.run(spec, tmp_path / "one", executor="serial")
    (entry,) = resized_entries()
    pixels = entry.path / "pixels.bin"
    content = bytearray(pixels.read_bytes())
    content[::1000] = bytes(one ^ 255 for one in content[::1000])
    pixels.write_bytes(content)
    with pytest.raises(oodml.runs.CellsFailed, match=r"pixels.bin: image \d+ is damaged; delete"):
        oodml.run(spec, tmp_path / "two", executor="serial")
    pixels.write_bytes(content[:-1])
    oodml.run(spec, tmp_path / "two", executor="serial")  # a torn one is made again


@pytest.mark.parametrize("mode", ["last-layer", "network"])
def test_augmentation_and_batch_rule_of_a_spec_decide(
    photos: Path, tmp_path: Path, mode: str
) -> None:
    changes = {"augmentation": "oodml", "batch_rule": "with-replacement"}
    plain = oodml.run(on_photos({"name": "triplet"}, mode=mode), tmp_path / "p", executor="serial")
    found = {}
    for name, value in changes.items():
        spec = on_photos({"name": "triplet"}, mode=mode, **{name: value})
        found[name] = oodml.run(spec, tmp_path / name, executor="serial")
        assert set(found[name]["run_id"]).isdisjoint(plain["run_id"])
        assert bool(moved(found[name], tmp_path / name)) == (mode == "network")
    assert len(found["augmentation"]) == len(plain) == len(found["batch_rule"])


def test_a_batch_rule_on_cached_features(vector_data: str, tmp_path: Path) -> None:
    training = {**SMALL["training"], "batch_rule": "with-replacement"}
    options = {"images_per_class": 3}
    spec = {
        **SMALL,
        "levels": [0],
        "training": {**training, "batch_rule_options": options},
        "tasks": RETRIEVAL,
        "methods": [{"name": "triplet"}],
    }
    results = oodml.run(spec, tmp_path / "out", executor="serial")
    assert np.isfinite(results["value"]).all()


def test_weights_drawn_anew_leave_a_frozen_backbone_what_it_is(
    photos: Path, tmp_path: Path
) -> None:
    spec = on_photos({"name": "triplet"}, mode="last-layer", initialisation="xavier")
    assert moved(oodml.run(spec, tmp_path / "o", executor="serial"), tmp_path / "o") == []


@pytest.mark.parametrize("trains", ["head", "all"])
def test_few_shot_in_mode_last_layer(photos: Path, tmp_path: Path, trains: str) -> None:
    few = {"name": "few-shot", "shots": [2], "episodes": 1, "adapt_by": "oodml", "steps": 2}
    spec = on_photos({"name": "triplet"}, mode="last-layer")
    spec["tasks"] = [{**few, "trains": trains}]
    results = oodml.run(spec, tmp_path / "o", executor="serial")
    assert {"recall_at_1_2_shot_gain", "map_at_r_2_shot_after"} <= set(results["metric"])


ONE = {"tasks": RETRIEVAL, "methods": [{"name": "triplet"}]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"augmentation": "ooodml"}, r"training.augmentation: .*did you mean oodml"),
    (
        {"augmentation": "oodml", "augmentation_options": {"min_crop": 2.0}},
        r"training.augmentation_options: .*min_crop",
    ),
    ({"batch_rule": "with-replacment"}, r"training.batch_rule: .*did you mean with-replacement"),
    (
        {"batch_rule": "with-replacement", "batch_rule_options": {"images": 2}},
        r"training.batch_rule_options: .*images",
    ),
    ({"batch_rule_options": {"images_per_class": 2}}, r"need a batch_rule"),
    ({"precision": "float16"}, r"methods.0.*precision \"float16\" is not computed on a processor"),
    ({"mode": "last-layer"}, r"methods.0.*backbone with layers is needed, and 'identity' has none"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_dry_run_names_file_and_key(
    vector_data: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    message: str,
) -> None:

    path = tmp_path / "bad.toml"
    training = {**SMALL["training"], **changes}
    path.write_text(toml({**SMALL, **ONE, "training": training}))
    command = ["run", str(path), "--dry-run", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert run_command(command) != 0
    said = " ".join(capfd.readouterr().err.split())

    assert re.search(message, said), said
    assert "bad.toml" in said


def test_two_views_of_images_that_nothing_augments_are_refused(
    photos: Path, tmp_path: Path
) -> None:
    spec = parse_spec(on_photos({"name": "simclr"}, augmentation="none"))
    with pytest.raises(UsageError, match="2 views of an image, and here all are alike"):
        check_before(spec, tmp_path / "out", device="cpu")


def test_more_devices_than_rows_are_said_beforehand(vector_data: str, tmp_path: Path) -> None:
    spec = parse_spec({**SMALL, **ONE})
    with pytest.raises(UsageError, match="24 cannot be shared by 30 devices"):
        check_before(spec, tmp_path / "out", device="cpu", devices=30)
