"""Every method through the one loop: gradients, and bit-exact continuation of every kind of part."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

import oodml
from oodml.core.errors import UsageError
from oodml.methods import Dims, Method, create_method, list_methods
from oodml.methods.presets import list_presets, load_preset
from oodml.training import (
    CachedFeatures,
    Checkpoint,
    Embedder,
    Feed,
    TrainingSettings,
    embed,
    train,
)

ROOT = Path(__file__).resolve().parents[2]
ROWS, CLASSES, SIDE = 48, 6, 12
LABELS = np.repeat(np.arange(CLASSES), ROWS // CLASSES)
OPTIONS: dict[str, dict[str, object]] = {
    "s2sd": {"widths": (9, 11)},
    "s2sd-multi-similarity": {"widths": (9, 11), "pooled": False, "feature_delay": 9},
    "uniform-prior": {"every": 2, "chunk": 4, "latent": 5},
    "uniform-prior-multi-similarity": {"every": 5, "chunk": 4, "latent": 5},
    "diva": {"queue": 40},
    "sec-multi-similarity": {"head_batch_norm": True, "sec_momentum": 0.3},
    "sec-s2sd-triplet": {"widths": (9, 11)},
}
NAMES = [
    name
    for name in [*list_methods(), "sec-s2sd-triplet", "uniform-prior-sec-diva", "sec-prototypical"]
    if create_method(name).trains
]


class Trunk(nn.Module):
    """A tiny convolutional trunk that offers its feature maps as timm's networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.convolution(images)))

    def forward_head(self, maps: torch.Tensor, pre_logits: bool = True) -> torch.Tensor:
        return maps.mean(dim=(2, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(images))


class Pictures:
    """Images with noise for augmentation."""

    augments = True
    rows = ROWS

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(CLASSES, 1, SIDE, SIDE))
        images = centres[LABELS] + 0.3 * rng.normal(size=(ROWS, 1, SIDE, SIDE))
        self._images = images.astype(np.float32)

    def training_batch(self, indices: np.ndarray, seed: int) -> torch.Tensor:
        noise = np.random.default_rng(seed).normal(size=(len(indices), 1, SIDE, SIDE))
        return torch.from_numpy(self._images[indices] + 0.1 * noise.astype(np.float32))


def method_named(name: str) -> Method:
    return create_method(name, **OPTIONS.get(name, {}))


def run(
    method: Method, steps: int = 12, checkpoint: Checkpoint | None = None, stop: int | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], list[float]]:
    """Weights of model and terms after training on images with a trained trunk."""
    torch.manual_seed(1)
    settings = TrainingSettings(
        batch_size=24,
        steps=steps,
        learning_rate=0.01,
        backbone_learning_rate=0.01,
        mode="network",
        freeze_batch_norm=False,
    )
    model = Embedder.of(method, Trunk(), Dims(8, 16, CLASSES), settings)
    terms = method.terms(model.dims(CLASSES))
    feed = Feed(Pictures(), np.arange(ROWS), LABELS, method.batches(), settings.batch_size, 3)  # type: ignore[arg-type]
    seen: list[float] = []

    def on_step(done: int) -> None:
        seen.append(done)
        if done == stop:
            raise KeyboardInterrupt

    fabric = Fabric(accelerator="cpu", devices=1)
    train(model, terms, feed, settings, fabric, checkpoint=checkpoint, on_step=on_step)
    return model.state_dict(), nn.ModuleDict(terms).state_dict(), seen


def tensors(state: dict[str, object]) -> dict[str, torch.Tensor]:
    """Tensors of a state dict, those of optimisers inside included."""
    found: dict[str, torch.Tensor] = {}
    for key, one in state.items():
        if isinstance(one, torch.Tensor):
            found[str(key)] = one
        elif isinstance(one, dict):
            found |= {f"{key}.{inner}": t for inner, t in tensors(one).items()}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_continued_run_is_the_uninterrupted_one_bit_for_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oodml.training.checkpoints._EVERY_S", 0.0)
    method = method_named(name)
    model, terms, _ = run(method)
    with pytest.raises(KeyboardInterrupt):
        run(method, checkpoint=Checkpoint(tmp_path / "state.pt", "me"), stop=7)
    again, terms_again, steps = run(method, checkpoint=Checkpoint(tmp_path / "state.pt", "me"))
    assert steps == list(range(8, 13))
    for whole, continued in ((model, again), (terms, terms_again)):
        one, two = tensors(whole), tensors(continued)
        assert one.keys() == two.keys()
        for key in one:
            assert torch.equal(one[key], two[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_every_method_moves_trunk_and_head_and_stays_finite(name: str) -> None:
    first, _, _ = run(method_named(name), steps=1)
    last, terms, _ = run(method_named(name), steps=6)
    assert all(torch.isfinite(one).all() for one in tensors({"m": last, "t": terms}).values())
    assert not torch.equal(first["trunk.convolution.weight"], last["trunk.convolution.weight"])
    moved = [
        key for key in first if key.startswith("head.") and not torch.equal(first[key], last[key])
    ]
    assert moved


@pytest.mark.parametrize("name", ["multi-similarity", "diva", "prototypical", "s2sd-triplet"])
def test_training_helps_retrieval(name: str) -> None:
    # with few images the discriminative branch must lead the four, or the others drown it
    diva = {"decorrelation": 1.0, "alpha": 0.05, "discriminative_weight": 2.0, "other_weight": 0.5}
    options = {"s2sd-triplet": {"widths": (16,), "pooled": False}, "diva": diva}
    method = create_method(name, **options.get(name, {}))
    scores = []
    for steps in (1, 60):
        torch.manual_seed(1)
        rng = np.random.default_rng(5)
        rows = rng.normal(size=(CLASSES, 16))[LABELS] + rng.normal(size=(ROWS, 16)) * 2.0
        source = CachedFeatures(rows.astype(np.float32))
        model = Embedder.of(method, nn.Identity(), Dims(16, 32, CLASSES))
        settings = TrainingSettings(batch_size=24, steps=steps, learning_rate=0.02)
        feed = Feed(source, np.arange(ROWS), LABELS, method.batches(), 24, 3)
        fabric = Fabric(accelerator="cpu", devices=1)
        train(model, method.terms(model.dims(CLASSES)), feed, settings, fabric)
        embeddings = embed(model, source, np.arange(ROWS), fabric)
        scores.append(oodml.evaluate(embeddings, LABELS).metrics["map_at_r"])
    assert scores[1] > scores[0] + 0.1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("uniform-prior-triplet", {}, "needs a backbone that is trained"),
        ("s2sd-triplet", {}, "needs feature maps"),
        ("simclr", {}, "cached features have no views"),
    ],
)
def test_what_cached_features_lack_is_said(
    name: str, options: dict[str, object], message: str
) -> None:
    method = create_method(name, **options)
    model = Embedder.of(method, nn.Identity(), Dims(8, 8, CLASSES))
    source = CachedFeatures(np.zeros((ROWS, 8), np.float32))
    settings = TrainingSettings(batch_size=12, steps=2)
    fabric = Fabric(accelerator="cpu", devices=1)

    def trained() -> None:
        feed = Feed(source, np.arange(ROWS), LABELS, method.batches(), 12, 0)
        train(model, method.terms(model.dims(CLASSES)), feed, settings, fabric)

    with pytest.raises(UsageError, match=message):
        trained()


def test_the_loop_knows_no_method() -> None:
    """Neither a name of a method nor a module of one stands in the training room's loop."""
    text = (ROOT / "oodml" / "training" / "loop.py").read_text(encoding="utf-8")
    known = {part for name in list_methods() for part in (name, name.replace("-", "_"))}
    words = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert not {w for w in words if isinstance(w, str)} & known
    for imported in ("builtin", "wrappers", "heads", "terms."):
        assert f"oodml.methods.{imported}" not in text


def test_presets_on_images_need_what_they_say() -> None:
    for name in list_presets():
        assert load_preset(name).create().needs <= {"inputs", "maps", "views", "trunk"}
