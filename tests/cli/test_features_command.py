"""``oodml features``: what is exported goes through eval, data add and split make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oodml.cli import run_command
from oodml.core.vectors import read_vectors
from oodml.datasets import load_dataset
from oodml.features import extract_features


@pytest.fixture
def photos(oodml_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight classes in two superclasses; added as "photos"."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(8):
        folder = tmp_path / "photos" / f"kind-{number % 2}" / f"class-{number}"
        folder.mkdir(parents=True)
        for image in range(4):
            pixels = rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{image}.png")
    added = ["data", "add", "photos", "--kind", "image-folder", "--dir", "photos", "--json"]
    assert run_command(added) == 0
    return tmp_path / "photos"


EXPORT = ["features", "export", "photos", "--backbone", "conv4"]


def scores(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, float]:
    capsys.readouterr()
    assert run_command(["eval", *arguments, "--labels", "label", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["metrics"]


def test_every_format_is_read_again(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for name in ("f.parquet", "f2.npy", "f3.safetensors"):
        assert run_command([*EXPORT, "--out", name]) == 0
        ids = [] if name.endswith("parquet") else ["--ids", f"{Path(name).stem}.ids.parquet"]
        found.append(scores(capsys, name, *ids))
    assert found[0] == found[1] == found[2]
    dataset = load_dataset("photos")
    rows = extract_features(dataset, "conv4")
    table = read_vectors(Path("f.parquet"))
    assert table.ids == dataset.image_ids
    assert np.array_equal(table.vectors, rows.features)
    assert table.columns["label"] == tuple(dataset.image_classes)
    assert set(table.columns["superclass"]) == {"kind-0", "kind-1"}
    assert np.array_equal(np.load("f2.npy"), rows.features)


def test_the_loop_of_export_add_and_split(photos: Path) -> None:
    """Features as a data set of vectors give the ladder that the images give."""
    from oodml import load_ladder

    assert run_command([*EXPORT, "--out", "f.parquet"]) == 0
    added = ["data", "add", "vectors-of", "--kind", "vectors", "--table", "f.parquet", "--json"]
    assert run_command(added) == 0
    assert load_dataset("vectors-of").superclass_of == load_dataset("photos").superclass_of
    make = ["split", "make", "--levels", "2"]
    assert run_command([*make, "vectors-of", "--out", "a"]) == 0
    assert run_command([*make, "photos", "--backbone", "conv4", "--out", "b"]) == 0
    assert run_command([*make, "f.parquet", "--out", "c"]) == 0
    levels = [load_ladder(name).levels for name in "abc"]
    assert levels[0] == levels[1] == levels[2]


def test_options_reach_the_extraction(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--image-size", "32", "--precision", "bfloat16", "--engine", "torch"]
    capsys.readouterr()
    assert run_command([*EXPORT, *flags, "--batch-size", "3", "--out", "f.npy", "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    assert manifest["preprocessing"]["size"] == 32
    assert manifest["precision"] == "bfloat16"
    assert manifest["engine"]["name"] == "torch"
    assert run_command(["features", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["key"] for one in listed] == [manifest["key"]]
    assert run_command(["features", "list"]) == 0
    assert "conv4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["photos", "--out", "x.csv"], "expected a file ending in .parquet"),
        (["photos", "--out", "there.npy"], "--overwrite always replaces it"),
        (["photos", "--out", "ids.npy"], "ids.ids.parquet is there already"),
        (["photos", "--out", "x.npy", "--overwrite", "maybe"], "never or always"),
        (["phots", "--out", "x.npy"], "did you mean photos"),
        (["photos", "--out", "x.npy", "--backbone", "conv5"], "did you mean conv4"),
        (["photos", "--out", "x.npy", "--precision", "float8"], "float8"),
        (
            ["photos", "--out", "x.npy", "--image-size", "60", "--backbone", "conv4"],
            "conv4' declares 128 features and gives",
        ),
        (["photos", "--out", "x.npy", "--engine", "onnx"], "did you mean onnxruntime"),
    ],
)
def test_wrong_use_ends_with_2_before_work(
    photos: Path,
    oodml_home: Path,
    arguments: list[str],
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("there.npy").touch()
    Path("ids.ids.parquet").touch()
    assert run_command(["features", "export", *arguments]) == 2
    assert text in capsys.readouterr().err
    assert not list(oodml_home.glob("features/**/manifest.json"))
    assert not Path("x.npy").exists()


def test_no_features_are_cached(oodml_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["features", "list"]) == 0
    assert capsys.readouterr().out == "no features are cached\n"
