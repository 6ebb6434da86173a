"""The feature cache: keyed by every input, resumable, checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from oodml.cli import run_command
from oodml.core.errors import DataError, UsageError
from oodml.core.files import read_json, write_json
from oodml.datasets import load_dataset
from oodml.datasets.base import ClassDataset
from oodml.features import compute, extract, extract_features
from oodml.features.engines.onnx_runtime import OnnxRuntimeEngine
from oodml.features.engines.torch_engine import TorchEngine
from oodml.features.registry import create_backbone


@pytest.fixture
def images(oodml_home: Path, tmp_path: Path) -> ClassDataset:
    rng = np.random.default_rng(0)
    for name in ("one", "two", "three"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    folder = str(tmp_path / "images")
    assert run_command(["data", "add", "tiny", "--kind", "image-folder", "--dir", folder]) == 0
    return load_dataset("tiny")


def cache_folder(home: Path) -> Path:
    return next(p for p in (home / "features" / "tiny").iterdir() if p.is_dir())


def test_rows_are_the_network_applied_to_each_image(images: ClassDataset) -> None:
    table = extract_features(images, "conv4", batch_size=4)
    backbone = create_backbone("conv4")
    assert backbone.preprocessing is not None
    view = backbone.preprocessing.evaluation_view(images.load_image(7))
    with torch.inference_mode():
        expected = backbone.module(torch.from_numpy(view)[None])[0].numpy()
    np.testing.assert_allclose(table.features[7], expected, rtol=1e-4, atol=1e-5)
    assert table.image_ids == images.image_ids
    assert table.features.dtype == np.float32


def test_the_second_call_reads_the_cache(
    images: ClassDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = extract_features(images, "conv4")
    monkeypatch.setattr(extract, "fill_features", lambda *_: pytest.fail("computed again"))
    second = extract_features(images, "conv4")
    assert second.key == first.key
    np.testing.assert_array_equal(first.features, second.features)


@pytest.mark.parametrize(
    "damage", ["torn", "altered", "manifest gone", "other key", "other schema"]
)
def test_a_damaged_cache_is_rebuilt(
    images: ClassDataset, oodml_home: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = np.array(extract_features(images, "conv4").features)
    folder = cache_folder(oodml_home)
    matrix, manifest = folder / "features.npy", folder / "manifest.json"
    if damage == "torn":
        matrix.write_bytes(matrix.read_bytes()[:-10])
    elif damage == "altered":
        content = bytearray(matrix.read_bytes())
        content[-1] ^= 1
        matrix.write_bytes(bytes(content))
    elif damage == "manifest gone":
        manifest.unlink()
    else:
        value = read_json(manifest)
        value["key" if damage == "other key" else "schema_version"] = "x"
        write_json(manifest, value)
    np.testing.assert_array_equal(extract_features(images, "conv4").features, expected)
    assert "rebuilt" in capsys.readouterr().err


def test_an_interrupted_extraction_continues(
    images: ClassDataset, oodml_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "_FLUSH_EVERY", 1)
    seen: list[int] = []
    original = ClassDataset.load_image

    def load(self: ClassDataset, index: int) -> Image.Image:
        seen.append(index)
        if index >= 9 and len(seen) < 40:
            raise KeyboardInterrupt
        return original(self, index)

    monkeypatch.setattr(ClassDataset, "load_image", load)
    with pytest.raises(KeyboardInterrupt):
        extract_features(images, "conv4", batch_size=3)
    seen[:] = [-1] * 40
    table = extract_features(images, "conv4", batch_size=3)
    read_again = {index for index in seen if index >= 0}
    assert 0 not in read_again, "the first batches were kept"
    assert {9, 14} <= read_again
    monkeypatch.setattr(ClassDataset, "load_image", original)
    monkeypatch.setenv("OODML_HOME", str(oodml_home / "elsewhere"))
    fresh = extract_features(images, "conv4", batch_size=3)
    np.testing.assert_array_equal(table.features, fresh.features)


def test_the_key_holds_every_input(images: ClassDataset) -> None:
    import dataclasses

    keys = {
        extract_features(images, "conv4").key,
        extract_features(images, "conv4", precision="bfloat16").key,
        extract_features(images, "conv4", engine="torch").key,
        extract_features(dataclasses.replace(images, fingerprint="other"), "conv4").key,
    }
    assert len(keys) == (4 if has_onnxruntime() else 3)
    renamed = dataclasses.replace(images, name="same-content")
    assert extract_features(renamed, "conv4").key in keys, "the name alone changes nothing"


def has_onnxruntime() -> bool:
    return OnnxRuntimeEngine.objection(torch.device("cpu"), "float32") is None


needs_onnxruntime = pytest.mark.skipif(not has_onnxruntime(), reason="no onnxruntime")


@needs_onnxruntime
def test_the_manifest_names_the_engine(images: ClassDataset, oodml_home: Path) -> None:
    table = extract_features(images, "conv4")
    assert table.manifest["engine"] == {"name": "onnxruntime", "version": 1, "tolerance": 1e-4}
    assert 0 <= table.manifest["engine_difference"] <= 1e-4
    assert set(table.manifest["engine_libraries"]) >= {"onnxruntime", "torch"}
    by_torch = extract_features(images, "conv4", engine="torch")
    assert by_torch.manifest["engine"]["name"] == "torch"
    assert extract_features(images, "conv4", engine="onnxruntime").key == table.key
    scale = np.abs(by_torch.features).max()
    assert np.abs(by_torch.features - table.features).max() <= 1e-4 * scale


@needs_onnxruntime
def test_after_a_fallback_the_manifest_names_torch(
    images: ClassDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries: list[int] = []
    original = OnnxRuntimeEngine.run

    def off(self: OnnxRuntimeEngine, batch: torch.Tensor) -> torch.Tensor:
        tries.append(len(batch))
        return original(self, batch) + 1

    monkeypatch.setattr(OnnxRuntimeEngine, "run", off)
    table = extract_features(images, "conv4")
    assert table.manifest["engine"]["name"] == "torch"
    assert table.key == extract_features(images, "conv4", engine="torch").key
    message = " ".join(capsys.readouterr().err.split())
    assert "backbone 'conv4' runs on torch, not on onnxruntime: its rows differ" in message
    tried = len(tries)
    assert extract_features(images, "conv4").key == table.key
    assert len(tries) == tried, "it is known to be unfit"
    with pytest.raises(UsageError, match="'onnxruntime' cannot run backbone 'conv4': its rows"):
        extract_features(images, "conv4", engine="onnxruntime")


@needs_onnxruntime
@pytest.mark.parametrize("changed", ["engine", "libraries"])
def test_an_interrupted_extraction_never_continues_with_another_engine(
    images: ClassDataset, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Its rows would be of two kinds: everything is computed again."""
    monkeypatch.setattr(compute, "_FLUSH_EVERY", 1)
    seen: list[int] = []
    original = ClassDataset.load_image

    def load(self: ClassDataset, index: int) -> Image.Image:
        seen.append(index)
        if index >= 9 and stop:
            raise KeyboardInterrupt
        return original(self, index)

    stop = True
    monkeypatch.setattr(ClassDataset, "load_image", load)
    with pytest.raises(KeyboardInterrupt):
        extract_features(images, "conv4", batch_size=3)
    stop = False
    seen.clear()
    if changed == "engine":
        extract_features(images, "conv4", batch_size=3, engine="torch")
    else:
        newer = {**OnnxRuntimeEngine.libraries(), "onnxruntime": "99"}
        monkeypatch.setattr(OnnxRuntimeEngine, "libraries", classmethod(lambda cls: newer))
        extract_features(images, "conv4", batch_size=3)
    assert sorted(seen) == list(range(15))


def test_rows_that_are_not_finite_name_the_image(
    images: ClassDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = TorchEngine.run

    def run(self: TorchEngine, batch: torch.Tensor) -> torch.Tensor:
        rows = original(self, batch)
        if len(batch) == 4:
            rows[2, 3] = float("nan")
        return rows

    monkeypatch.setattr(TorchEngine, "run", run)
    with pytest.raises(DataError, match=f"infinite features for image '{images.image_ids[2]}'"):
        extract_features(images, "conv4", batch_size=4, engine="torch")


def test_a_corrupt_image_is_named(images: ClassDataset, tmp_path: Path) -> None:
    (tmp_path / "images" / "two" / "3.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"3\.png"):
        extract_features(images, "conv4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "conv5"}, "did you mean conv4"),
        ({"backbone": "identity"}, "needs a data set of vectors"),
        ({"backbone": "conv4", "precision": "int3"}, "expected one of float32"),
        ({"backbone": "conv4", "device": "warp"}, "device 'warp'"),
        ({"backbone": "conv4", "engine": "torhc"}, "unknown engine 'torhc'; did you mean torch"),
        (
            {"backbone": "conv4", "engine": "onnxruntime", "precision": "bfloat16"},
            "engine 'onnxruntime': it ",
        ),
    ],
)
def test_wrong_arguments_are_named(images: ClassDataset, arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        extract_features(images, **arguments)


def test_given_vectors_stay_as_they_are(vector_data: str) -> None:
    dataset = load_dataset(vector_data)
    table = extract_features(dataset, "identity")
    np.testing.assert_array_equal(table.features, dataset.vectors)
    with pytest.raises(UsageError, match="use the backbone 'identity'"):
        extract_features(dataset, "conv4")
