from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_fabric import Fabric
from torch import nn

import oodml
from oodml.core.errors import OodmlError, UsageError
from oodml.methods import Objective
from oodml.training import (
    CachedFeatures,
    Embedder,
    SealedSource,
    TrainingFailed,
    TrainingSettings,
    create_selection_rule,
    embed,
    train,
)
from oodml.training.checkpoints import Checkpoint
from oodml.training.samplers import MPerClassSampler

ROWS, DIMS, CLASSES = 60, 8, 6


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, DIMS)).astype(np.float32)


LABELS = np.repeat(np.arange(CLASSES), ROWS // CLASSES)


def trained(
    features: np.ndarray, fabric: Fabric, *, steps: int = 30, seed: int = 0, **arguments: object
) -> Embedder:
    torch.manual_seed(seed)
    embedder = Embedder(nn.Identity(), DIMS, 4)
    method = oodml.create_method("classification")
    train(
        embedder,
        method.objective(4, CLASSES),
        CachedFeatures(features),
        np.arange(ROWS),
        LABELS,
        fabric=fabric,
        settings=TrainingSettings(batch_size=12, evaluate_every=10, learning_rate=0.05),
        steps=steps,
        images_per_class=2,
        learning_rate_factor=1.0,
        seed=seed,
        **arguments,  # type: ignore[arg-type]
    )
    return embedder


class TestSampler:
    @given(
        sizes=st.lists(st.integers(1, 6), min_size=2, max_size=8),
        images=st.integers(1, 4),
        step=st.integers(0, 100),
    )
    @settings(max_examples=60, deadline=None)
    def test_m_images_of_each_class(self, sizes: list[int], images: int, step: int) -> None:
        labels = np.repeat(np.arange(len(sizes)) * 3, sizes)
        batch = MPerClassSampler(labels, 4 * images, images, seed=1).batch(step)
        counts = Counter(labels[batch].tolist())
        assert set(counts.values()) == {images}
        assert len(counts) == min(4, len(sizes))
        for label, size in zip(np.arange(len(sizes)) * 3, sizes, strict=True):
            drawn = batch[labels[batch] == label]
            if len(drawn):
                assert len(set(drawn.tolist())) == min(size, images), "without replacement"

    def test_a_batch_is_a_function_of_seed_and_step(self) -> None:
        one, two = (MPerClassSampler(LABELS, 12, 2, seed=5) for _ in range(2))
        np.testing.assert_array_equal(one.batch(7), two.batch(7))
        assert not np.array_equal(one.batch(7), one.batch(8))
        assert not np.array_equal(one.batch(7), MPerClassSampler(LABELS, 12, 2, seed=6).batch(7))

    def test_every_item_is_drawn_sooner_or_later(self) -> None:
        sampler = MPerClassSampler(LABELS, 12, 2, seed=0)
        assert set(np.concatenate([sampler.batch(i) for i in range(100)])) == set(range(ROWS))

    def test_batches_that_cannot_teach_are_refused(self) -> None:
        with pytest.raises(UsageError, match="at least two classes"):
            MPerClassSampler(np.zeros(5, np.int64), 4, 2, 0)
        with pytest.raises(UsageError, match="fewer than two classes"):
            MPerClassSampler(LABELS, 4, 3, 0)


def test_training_lowers_the_loss(features: np.ndarray, fabric: Fabric) -> None:
    centres = np.random.default_rng(1).normal(size=(CLASSES, DIMS)).astype(np.float32) * 3
    learnable = features + centres[LABELS]

    def error(embedder: Embedder) -> float:
        rows = embed(embedder, CachedFeatures(learnable), np.arange(ROWS), fabric)
        return 1 - oodml.evaluate(rows, LABELS).metrics["map_at_r"]

    assert error(trained(learnable, fabric, steps=100)) < error(trained(learnable, fabric, steps=1))


def test_the_same_seed_gives_the_same_weights(features: np.ndarray, fabric: Fabric) -> None:
    one, two, other = (trained(features, fabric, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


def test_a_run_continued_from_a_checkpoint_takes_the_same_steps(
    features: np.ndarray, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oodml.training.checkpoints._EVERY_S", 0.0)
    path = tmp_path / "state.pt"

    def scores(model: nn.Module) -> float:
        return model.head.weight.sum().item()  # type: ignore[union-attr,operator]

    def rule() -> object:
        return create_selection_rule("best-val")

    def stop(done: int) -> None:
        if done == 17:
            raise KeyboardInterrupt

    whole = trained(features, fabric, rule=rule(), score=scores)
    with pytest.raises(KeyboardInterrupt):
        trained(
            features, fabric, rule=rule(), score=scores,
            checkpoint=Checkpoint(path, "me"), on_step=stop,
        )  # fmt: skip
    steps: list[int] = []
    continued = trained(
        features, fabric, rule=rule(), score=scores,
        checkpoint=Checkpoint(path, "me"), on_step=steps.append,
    )  # fmt: skip
    assert steps[0] == 18
    assert torch.equal(whole.head.weight, continued.head.weight)
    ignored: list[int] = []
    trained(features, fabric, checkpoint=Checkpoint(path, "someone else"), on_step=ignored.append)
    assert ignored[0] == 1
    path.write_bytes(path.read_bytes()[:100])
    torn: list[int] = []
    trained(features, fabric, checkpoint=Checkpoint(path, "me"), on_step=torn.append)
    assert torn[0] == 1


def test_a_loss_that_is_not_finite_names_the_step(features: np.ndarray, fabric: Fabric) -> None:
    class Broken(Objective):
        def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return embeddings.sum() * float("nan")

    with pytest.raises(TrainingFailed, match="step 1; lower the learning rate"):
        train(
            Embedder(nn.Identity(), DIMS, 4), Broken(), CachedFeatures(features), np.arange(ROWS),
            LABELS, fabric=fabric, settings=TrainingSettings(batch_size=12), steps=3,
            images_per_class=2, learning_rate_factor=1.0, seed=0,
        )  # fmt: skip


class TestSelection:
    def test_best_val_keeps_a_copy_of_the_best_weights(self) -> None:
        rule, model = create_selection_rule("best-val"), nn.Linear(2, 2)
        kept = None
        for step, score in enumerate([0.1, 0.5, 0.5, 0.3], start=1):
            with torch.no_grad():
                model.weight.add_(1.0)
            rule.observe(step, model, lambda _, s=score: s)
            if step == 2:
                kept = model.weight.detach().clone()
        assert rule.finish(model) == 2
        assert torch.equal(model.weight, kept)

    def test_fixed_steps_trains_on_train_and_val(self) -> None:
        assert create_selection_rule("fixed-steps").trains_on == ("train", "val")
        assert create_selection_rule("best-val").trains_on == ("train",)

    def test_unknown_rules_are_named(self) -> None:
        with pytest.raises(UsageError, match="did you mean best-val"):
            create_selection_rule("best-vall")


def test_the_seal_refuses_every_other_item(features: np.ndarray) -> None:
    sealed = SealedSource(CachedFeatures(features), np.arange(10), ROWS)
    assert sealed.training_batch(np.array([0, 9]), 0).shape == (2, DIMS)
    with pytest.raises(OodmlError, match="item 10 is outside"):
        sealed.training_batch(np.array([3, 10]), 0)
    with pytest.raises(OodmlError, match="sealed"):
        sealed.evaluation_batches(np.array([59]))


def test_frozen_batch_norm_stays_and_is_not_trained() -> None:
    trunk = nn.Sequential(nn.Linear(DIMS, DIMS), nn.BatchNorm1d(DIMS))
    embedder = Embedder(trunk, DIMS, 4, freeze_batch_norm=True).train()
    assert embedder.head.training
    assert not trunk[1].training
    groups = embedder.parameter_groups(TrainingSettings(), 2.0)
    assert [len(group["params"]) for group in groups] == [2, 2]  # type: ignore[arg-type]
    assert groups[0]["lr"] == pytest.approx(2e-3)
    assert groups[1]["lr"] == pytest.approx(2e-5)
    free = Embedder(trunk, DIMS, 4, freeze_batch_norm=False).train()
    assert trunk[1].training
    assert [len(g["params"]) for g in free.parameter_groups(TrainingSettings(), 1.0)] == [2, 4]  # type: ignore[arg-type]
