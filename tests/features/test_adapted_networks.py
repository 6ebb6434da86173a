"""The networks of Adapted Deep Embeddings: shapes, sizes counted by hand, batch norm, vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from oodml.core.errors import UsageError
from oodml.core.vectors import VectorTable, write_vectors
from oodml.datasets import load_dataset
from oodml.features import create_backbone, extract_features
from oodml.features.backbone import maps_and_features
from oodml.features.backbones.adapted import CentredBatchNorm

FIRST_GREY, FIRST_COLOUR = 1 * 9 * 32 + 32, 3 * 9 * 32 + 32
NEXT = 32 * 9 * 32 + 32


@pytest.mark.parametrize(
    ("name", "shape", "features", "parameters"),
    [
        ("adapted-mnist", (1, 28, 28), 14 * 14 * 32, FIRST_GREY + NEXT),
        ("adapted-isolet", (617,), 128, 617 * 128 + 128),
        ("adapted-omniglot", (1, 28, 28), 7 * 7 * 32, FIRST_GREY + 2 * NEXT + 3 * 32),
        ("adapted-omniglot-no-bn", (1, 28, 28), 7 * 7 * 32, FIRST_GREY + 2 * NEXT),
        ("adapted-tiny-imagenet", (3, 64, 64), 8 * 8 * 32, FIRST_COLOUR + 3 * NEXT + 4 * 32),
        ("adapted-tiny-imagenet-no-bn", (3, 64, 64), 8 * 8 * 32, FIRST_COLOUR + 3 * NEXT),
    ],
)
def test_shapes_and_sizes(
    name: str, shape: tuple[int, ...], features: int, parameters: int
) -> None:
    backbone = create_backbone(name)
    inputs = torch.rand(3, *shape)
    rows = backbone.module(inputs)
    assert rows.shape == (3, features) == (3, backbone.dim)
    assert sum(one.numel() for one in backbone.module.parameters()) == parameters
    assert backbone.weights_sha256() == create_backbone(name).weights_sha256()
    if len(shape) == 3:
        maps, again = maps_and_features(backbone.module, inputs, name)
        assert maps.shape[:2] == (3, 32)
        assert torch.equal(again, rows)


def test_batch_norm_centres_without_a_scale_and_keeps_a_tenth_of_the_old_statistics() -> None:
    norm = CentredBatchNorm(2)
    assert [name for name, _ in norm.named_parameters()] == ["bias"]
    images = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * 3 + 1
    with torch.no_grad():
        norm.bias.copy_(torch.tensor([0.5, -2.0]))
        found = norm.train()(images)
    mean = images.mean(dim=(0, 2, 3))
    var = images.var(dim=(0, 2, 3), unbiased=False)
    centred = (images - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    assert torch.allclose(found, centred + norm.bias[:, None, None].detach(), atol=1e-5)
    assert torch.allclose(norm.running_mean, 0.9 * mean, atol=1e-6)


def vectors_of_length(length: int, folder: Path, name: str) -> None:
    from oodml.cli import run_command

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(12, length)).astype(np.float32)
    table = VectorTable(
        tuple(f"row-{i}" for i in range(12)), rows, {"label": tuple("aabbccddeeff")}
    )
    write_vectors(folder / "rows.parquet", table)
    added = ["data", "add", name, "--kind", "vectors", "--table", str(folder / "rows.parquet")]
    assert run_command(added) == 0


def test_vectors_go_through_a_network_on_vectors(oodml_home: Path, tmp_path: Path) -> None:
    vectors_of_length(617, tmp_path, "letters")
    dataset = load_dataset("letters")
    table = extract_features(dataset, "adapted-isolet")
    assert dataset.vectors is not None
    layer = create_backbone("adapted-isolet").module[0]  # type: ignore[index]
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.maximum(dataset.vectors @ weight.T + bias, 0)
    np.testing.assert_allclose(table.features, expected, atol=1e-5)
    raw = extract_features(dataset, "identity")
    np.testing.assert_array_equal(raw.features, dataset.vectors)


def test_vectors_of_another_length_are_refused(oodml_home: Path, tmp_path: Path) -> None:
    vectors_of_length(5, tmp_path, "short")
    with pytest.raises(UsageError, match=r"takes vectors of 617 numbers; data set 'short' has 5"):
        extract_features(load_dataset("short"), "adapted-isolet")
