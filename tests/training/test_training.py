from __future__ import annotations

from collections import Counter
from collections.abc import Callable
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
from oodml.methods import Dims, Method, Step, Term
from oodml.methods.batch_rule import create_batch_rule, list_batch_rules
from oodml.methods.batches.m_per_class import MPerClass
from oodml.training import (
    CachedFeatures,
    Checkpoint,
    Embedder,
    Feed,
    ItemSource,
    SealedSource,
    Selection,
    TrainingFailed,
    TrainingSettings,
    create_selection_rule,
    embed,
    start_from_features,
    train,
)
from oodml.training.optimisers import parameter_groups

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
    method = oodml.create_method("classification", images_per_class=2)
    model = Embedder.of(method, nn.Identity(), Dims(DIMS, 4, CLASSES))
    settings = TrainingSettings(batch_size=12, evaluate_every=10, learning_rate=0.05, steps=steps)
    train(
        model,
        method.terms(model.dims(CLASSES)),
        feed_of(CachedFeatures(features), method, settings, seed),
        settings,
        fabric,
        **arguments,  # type: ignore[arg-type]
    )
    return model


def feed_of(source: ItemSource, method: Method, settings: TrainingSettings, seed: int) -> Feed:
    return Feed(source, np.arange(ROWS), LABELS, method.batches(), settings.batch_size, seed)


class OneScore:
    """Scores that read one number off the model."""

    def __init__(self, score: Callable[[nn.Module], float]) -> None:
        self.validation = self.training = score


class TestBatchRules:
    @given(
        sizes=st.lists(st.integers(1, 6), min_size=2, max_size=8),
        images=st.integers(1, 4),
        step=st.integers(0, 100),
    )
    @settings(max_examples=60, deadline=None)
    def test_m_images_of_each_class(self, sizes: list[int], images: int, step: int) -> None:
        labels = np.repeat(np.arange(len(sizes)) * 3, sizes)
        drawn = MPerClass(images_per_class=images).open(labels, 4 * images, seed=1)(step)
        batch = drawn.positions
        counts = Counter(labels[batch].tolist())
        assert drawn.support is None
        assert set(counts.values()) == {images}
        assert len(counts) == min(4, len(sizes))
        for label, size in zip(np.arange(len(sizes)) * 3, sizes, strict=True):
            of_class = batch[labels[batch] == label]
            if len(of_class):
                assert len(set(of_class.tolist())) == min(size, images), "without replacement"

    @pytest.mark.parametrize("name", list_batch_rules())
    def test_a_batch_is_a_function_of_seed_and_step(self, name: str) -> None:
        one, two = (create_batch_rule(name).open(LABELS, 12, seed=5) for _ in range(2))
        other = create_batch_rule(name).open(LABELS, 12, seed=6)
        np.testing.assert_array_equal(one(7).positions, two(7).positions)
        assert not np.array_equal(one(7).positions, one(8).positions)
        assert not np.array_equal(one(7).positions, other(7).positions)

    @pytest.mark.parametrize("name", list_batch_rules())
    def test_every_item_is_drawn_sooner_or_later(self, name: str) -> None:
        draw = create_batch_rule(name).open(LABELS, 12, seed=0)
        assert set(np.concatenate([draw(i).positions for i in range(150)])) == set(range(ROWS))

    def test_batches_that_cannot_teach_are_refused(self) -> None:
        rule = MPerClass(images_per_class=2)
        with pytest.raises(UsageError, match="at least two classes"):
            rule.open(np.zeros(5, np.int64), 4, 0)
        with pytest.raises(UsageError, match="fewer than two classes"):
            MPerClass(images_per_class=3).open(LABELS, 4, 0)
        with pytest.raises(UsageError, match="needs two classes with 4 items"):
            create_batch_rule("episodes").open(LABELS, 4, 0)
        with pytest.raises(UsageError, match="at least two items"):
            create_batch_rule("two-views").open(LABELS[:1], 12, 0)

    def test_episodes_have_support_and_query_of_each_class(self) -> None:
        rule = create_batch_rule("episodes", support=3, query=1)
        drawn = rule.open(LABELS, 12, seed=0)(4)
        assert drawn.support is not None
        assert len(set(drawn.positions.tolist())) == 12
        labels = LABELS[drawn.positions]
        for label in np.unique(labels):
            assert drawn.support[labels == label].tolist() == [True, True, True, False]

    def test_classes_and_images_with_replacement_may_repeat(self) -> None:
        draw = create_batch_rule("with-replacement").open(LABELS, 12, seed=0)
        counts = [Counter(LABELS[draw(i).positions].tolist()) for i in range(50)]
        assert any(max(one.values()) > 2 for one in counts)
        assert all(sum(one.values()) == 12 for one in counts)
        assert any(len(set(draw(i).positions.tolist())) < 12 for i in range(50))

    def test_two_views_stand_below_each_other_and_differ(self) -> None:
        class Noisy(CachedFeatures):
            augments = True

            def training_batch(self, indices: np.ndarray, seed: int) -> torch.Tensor:
                noise = np.random.default_rng(seed).normal(size=(len(indices), DIMS))
                return super().training_batch(indices, seed) + torch.from_numpy(noise).float()

        rows = np.zeros((ROWS, DIMS), np.float32)
        rule = create_batch_rule("two-views")
        batch = Feed(Noisy(rows), np.arange(ROWS), LABELS, rule, 12, 0).batch(3)
        assert batch.views.tolist() == [0] * 6 + [1] * 6
        assert torch.equal(batch.items[:6], batch.items[6:])
        assert not torch.equal(batch.inputs[:6], batch.inputs[6:])
        with pytest.raises(UsageError, match="cached features have no views"):
            Feed(CachedFeatures(rows), np.arange(ROWS), LABELS, rule, 12, 0)


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

    def selection() -> Selection:
        return Selection(create_selection_rule("best-val"), OneScore(scores))

    def stop(done: int) -> None:
        if done == 17:
            raise KeyboardInterrupt

    whole = trained(features, fabric, selection=selection())
    with pytest.raises(KeyboardInterrupt):
        trained(
            features, fabric, selection=selection(),
            checkpoint=Checkpoint(path, "me"), on_step=stop,
        )  # fmt: skip
    steps: list[int] = []
    continued = trained(
        features, fabric, selection=selection(),
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
    class Broken(Term):
        def forward(self, step: Step) -> torch.Tensor:
            return step.embedding.sum() * (float("nan") if step.number == 2 else 1.0)

    settings = TrainingSettings(batch_size=12, steps=5)
    method = oodml.create_method("triplet")
    model = Embedder.of(method, nn.Identity(), Dims(DIMS, 4, CLASSES))
    feed = feed_of(CachedFeatures(features), method, settings, 0)
    with pytest.raises(TrainingFailed, match="step 3; lower the learning rate"):
        train(model, {"broken": Broken()}, feed, settings, fabric)


def test_learning_rates_fall_at_milestones(features: np.ndarray, fabric: Fabric) -> None:
    """A run whose rate falls to nothing after step 10 ends where a run of 10 steps ends."""
    short = trained(features, fabric, steps=10)
    method = oodml.create_method("classification", images_per_class=2)
    torch.manual_seed(0)
    model = Embedder.of(method, nn.Identity(), Dims(DIMS, 4, CLASSES))
    settings = TrainingSettings(
        batch_size=12, learning_rate=0.05, steps=30, milestones=(10,), decay=1e-30
    )
    feed = feed_of(CachedFeatures(features), method, settings, 0)
    train(model, method.terms(model.dims(CLASSES)), feed, settings, fabric)
    torch.testing.assert_close(model.head.weight, short.head.weight, rtol=0, atol=1e-20)


def test_a_rule_can_end_the_training(features: np.ndarray, fabric: Fabric) -> None:
    falling = iter(range(100, 0, -1))
    rule = create_selection_rule("best-val", patience=2)
    steps: list[int] = []
    scores = OneScore(lambda _: float(next(falling)))
    trained(features, fabric, steps=200, selection=Selection(rule, scores), on_step=steps.append)
    assert steps[-1] == 20, "the start scores best, then two that are not better"


class TestSelection:
    def test_best_val_keeps_a_copy_of_the_best_weights(self) -> None:
        rule, model = create_selection_rule("best-val"), nn.Linear(2, 2)
        kept = None
        for step, score in enumerate([0.1, 0.5, 0.5, 0.3], start=1):
            with torch.no_grad():
                model.weight.add_(1.0)
            rule.observe(step, model, OneScore(lambda _, s=score: s))
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
    sealed = SealedSource(CachedFeatures(features), np.arange(10))
    assert sealed.training_batch(np.array([0, 9]), 0).shape == (2, DIMS)
    with pytest.raises(OodmlError, match="item 10 is outside"):
        sealed.training_batch(np.array([3, 10]), 0)
    with pytest.raises(OodmlError, match="sealed"):
        sealed.evaluation_batches(np.array([59]))


def test_frozen_batch_norm_stays_and_is_not_trained() -> None:
    trunk = nn.Sequential(nn.Linear(DIMS, DIMS), nn.BatchNorm1d(DIMS))
    head = nn.Linear(DIMS, 4)
    embedder = Embedder(trunk, head, DIMS, 4, freeze_batch_norm=True).train()
    assert embedder.head.training
    assert not trunk[1].training
    groups = parameter_groups(embedder, {}, TrainingSettings().at_rate(2.0))
    assert [len(group["params"]) for group in groups] == [2, 2]  # type: ignore[arg-type]
    assert groups[0]["lr"] == pytest.approx(2e-4)
    assert groups[1]["lr"] == pytest.approx(2e-5)
    assert len(parameter_groups(embedder, {}, TrainingSettings(), "head")) == 1
    free = Embedder(trunk, head, DIMS, 4, freeze_batch_norm=False).train()
    assert trunk[1].training
    assert [len(g["params"]) for g in parameter_groups(free, {}, TrainingSettings())] == [2, 4]  # type: ignore[arg-type]


def test_a_run_that_its_rule_ended_is_not_continued(
    features: np.ndarray, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oodml.training.checkpoints._EVERY_S", 0.0)
    steps: list[list[int]] = []
    for _ in range(2):
        falling = iter(range(100, 0, -1))
        rule = create_selection_rule("best-val", patience=2)
        scores = OneScore(lambda _, f=falling: float(next(f)))
        steps.append([])
        trained(
            features, fabric, steps=200, selection=Selection(rule, scores),
            checkpoint=Checkpoint(tmp_path / "state.pt", "me"), on_step=steps[-1].append,
        )  # fmt: skip
    assert steps[0][-1] == 20
    assert steps[1] == []


class TestStart:
    @pytest.mark.parametrize("width", [3, DIMS, DIMS + 2])
    def test_the_start_keeps_cosines_of_the_features(
        self, features: np.ndarray, fabric: Fabric, width: int
    ) -> None:
        low_rank = features[:, :3] @ np.random.default_rng(0).normal(size=(3, DIMS))
        rows = low_rank.astype(np.float32)
        method = oodml.create_method("triplet")
        settings = TrainingSettings()
        assert settings.input_length == 10.0
        model = Embedder.of(method, nn.Identity(), Dims(DIMS, width, CLASSES), settings)
        assert start_from_features(model.head, rows)
        found = embed(model, CachedFeatures(rows), np.arange(ROWS), fabric).astype(np.float64)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 10.0, rtol=1e-4)
        np.testing.assert_allclose(found @ found.T / 100, unit @ unit.T, atol=1e-4)

    def test_identity_scores_what_frozen_scores(self, features: np.ndarray, fabric: Fabric) -> None:
        method = oodml.create_method("triplet")
        model = Embedder.of(method, nn.Identity(), Dims(DIMS, DIMS, CLASSES), TrainingSettings())
        start_from_features(model.head, features)
        assert torch.equal(model.head.weight, torch.eye(DIMS))
        rows = embed(model, CachedFeatures(features), np.arange(ROWS), fabric)
        frozen = oodml.evaluate(features, LABELS).metrics
        assert oodml.evaluate(rows, LABELS).metrics == pytest.approx(frozen)

    def test_principal_directions_are_those_of_an_svd(self, features: np.ndarray) -> None:
        head = nn.Linear(DIMS, 3)
        start_from_features(head, features)
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        expected = np.linalg.svd(unit.astype(np.float64))[2][:3]
        found = head.weight.detach().numpy()
        np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(3), atol=1e-4)
        assert (np.abs(found).max(axis=1) == found.max(axis=1)).all(), "the sign is fixed"

    def test_heads_with_branches_start_too_and_others_stay(self, features: np.ndarray) -> None:
        for name in ("diva", "simclr"):
            head = oodml.create_method(name).head(Dims(DIMS, 8, CLASSES))
            assert start_from_features(head, features)
            for layer in head.input_layers:
                assert not layer.bias.any()
        other = nn.Sequential(nn.Linear(DIMS, 4))
        before = other[0].weight.clone()
        assert not start_from_features(other, features)
        assert torch.equal(before, other[0].weight)

    def test_best_val_may_keep_the_start(self, features: np.ndarray, fabric: Fabric) -> None:
        falling = iter(range(100, 0, -1))
        rule = create_selection_rule("best-val")
        kept = trained_with(features, fabric, Selection(rule, OneScore(lambda _: next(falling))))
        assert kept == 0


def trained_with(features: np.ndarray, fabric: Fabric, selection: Selection) -> int | None:
    method = oodml.create_method("classification", images_per_class=2)
    model = Embedder.of(method, nn.Identity(), Dims(DIMS, 4, CLASSES))
    settings = TrainingSettings(batch_size=12, evaluate_every=10, steps=30)
    feed = feed_of(CachedFeatures(features), method, settings, 0)
    terms = method.terms(model.dims(CLASSES))
    return train(model, terms, feed, settings, fabric, selection=selection).kept_step
