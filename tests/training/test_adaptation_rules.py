"""The stopping rules, scores, batches and starts of Adapted Deep Embeddings, from their definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from oodml.core.errors import OodmlError, UsageError
from oodml.features.registry import create_backbone
from oodml.methods import Adaptation, Dims, create_method
from oodml.methods.batch_rule import create_batch_rule
from oodml.methods.few_shot_dml import oodml_adaptation
from oodml.training import (
    CachedFeatures,
    Embedder,
    Feed,
    Selection,
    TrainingSettings,
    adapt,
    create_selection_rule,
    initialise,
    train,
)
from oodml.training.moments import moments_of, put_moments
from oodml.training.support_scores import (
    SupportScores,
    leave_one_out_recall,
    prototype_accuracy,
)

FABRIC = Fabric(accelerator="cpu", devices=1)


class Told:
    """Scores told beforehand, one a look."""

    def __init__(self, values: list[float]) -> None:
        self._values = iter(values)

    def training(self, model: nn.Module) -> float:
        return next(self._values)

    validation = validation_recall = training


def weighted(step: int) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, step)
    return model


def watched(scores: list[float], **options: object) -> tuple[int, float]:
    """(step at which the rule ended, step whose weights it kept) for scores of steps 1, 2, ..."""
    rule, told = create_selection_rule("best-training", **options), Told(scores)
    assert not rule.observe(0, weighted(0), told), "before the first update nothing counts"
    for step in range(1, len(scores) + 1):
        stopped = rule.observe(step, weighted(step), told)
        state = rule.state()  # every step from a checkpoint
        rule = create_selection_rule("best-training", **options)
        rule.load_state(state)
        if stopped:
            break
    model = weighted(-1)
    kept = rule.finish(model)
    assert kept == model.weight.item()
    return step, kept


class TestBestTraining:
    def test_it_ends_where_the_best_rose_by_less_than_a_hundredth(self) -> None:
        # looks at 2 (0.5), 4 (0.6, up by 20 %), 6 (0.605, up by 0.8 %)
        scores = [0.4, 0.5, 0.6, 0.1, 0.605, 0.2, 0.9, 0.9]
        assert watched(scores, patience=2) == (6, 5)

    def test_a_rise_of_exactly_the_least_goes_on(self) -> None:
        assert watched([0.5, 0.75, 0.75], patience=1, least_rise=0.5) == (3, 2)

    def test_the_first_of_equals_is_kept(self) -> None:
        assert watched([0.2, 0.7, 0.7, 0.7], patience=2) == (4, 2)

    def test_a_score_that_cannot_be_beaten_ends_it(self) -> None:
        assert watched([0.2, 1.0, 1.0, 1.0], patience=50) == (2, 2)

    def test_nothing_at_all_ends_at_the_second_look(self) -> None:
        assert watched([0.0] * 9, patience=3) == (6, 1)


def test_best_source_ends_after_patience_scores_without_a_better_one() -> None:
    rule, told = create_selection_rule("best-source", patience=2), Told([0.1, 0.5, 0.5, 0.4, 0.9])
    stops = [rule.observe(step, weighted(step), told) for step in range(4)]
    assert stops == [False, False, False, True]
    assert rule.finish(weighted(-1)) == 1
    assert rule.trains_on == ("train",)


class TestScores:
    def test_leave_one_out_recall(self) -> None:
        rng = np.random.default_rng(0)
        rows, labels = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        hits = 0
        for one in range(30):
            others = [other for other in range(30) if other != one]
            nearest = max(others, key=lambda other: float(unit[one] @ unit[other]))
            hits += labels[nearest] == labels[one]
        found = leave_one_out_recall(torch.from_numpy(rows), torch.from_numpy(labels))
        assert found == hits / 30

    def test_prototype_accuracy_is_one_where_classes_are_apart_and_chance_where_not(self) -> None:
        rng = np.random.default_rng(0)
        labels = np.repeat(np.arange(4), 10)
        apart = rng.normal(size=(4, 6))[labels] * 50 + rng.normal(size=(40, 6))
        assert prototype_accuracy(torch.from_numpy(apart), labels, 20, 0) == 1.0
        noise = torch.from_numpy(rng.normal(size=(40, 6)))
        assert prototype_accuracy(noise, labels, 400, 0) == pytest.approx(0.25, abs=0.12)

    def test_an_episode_takes_three_quarters_as_support(self) -> None:
        # all rows of a class equal but one, which is wrong as a query and moves no mean enough
        labels = np.repeat([0, 1], 4)
        rows = torch.tensor([[0.0], [0.0], [0.0], [9.0], [10.0], [10.0], [10.0], [10.0]])
        # one query a class: row 3 is the query of class 0 in a quarter of the episodes, then
        # nearer to 10 than to 0; else class 0's mean is 3 and its query 0
        assert prototype_accuracy(rows, labels, 4000, 1) == pytest.approx(7 / 8, abs=0.01)


class TestBalanced:
    def test_every_batch_holds_all_classes(self) -> None:
        labels = np.repeat(np.arange(5), 10)
        rule = create_batch_rule("balanced")
        draw = rule.open(labels, 20, 3)  # int(20 / 5) = 4 of each, 3 batches an epoch
        assert rule.epoch(labels, 20) == 3
        first = [draw(step).positions for step in range(6)]
        for positions in first:
            assert np.bincount(labels[positions]).tolist() == [4] * 5
        for epoch in (first[:3], first[3:]):
            assert set(np.concatenate(epoch).tolist()) == set(range(50))
        again = rule.open(labels, 20, 3)
        assert np.array_equal(again(5).positions, first[5]), "a pure function of the step"
        assert np.array_equal(again(1).positions, first[1])

    def test_at_least_two_of_each(self) -> None:
        labels = np.repeat(np.arange(30), 6)
        positions = create_batch_rule("balanced").open(labels, 40, 0)(0).positions
        assert np.bincount(labels[positions]).tolist() == [2] * 30

    def test_a_support_that_fits_is_one_batch(self) -> None:
        labels = np.array([0, 0, 0, 1, 1, 2])
        rule = create_batch_rule("balanced")
        assert rule.epoch(labels, 1024) == 1
        assert sorted(rule.open(labels, 1024, 0)(7).positions.tolist()) == list(range(6))


class TestInitialise:
    def network(self, scheme: str, seed: int) -> nn.Module:
        module = create_backbone("adapted-omniglot").build()
        torch.manual_seed(seed)
        initialise(module, scheme)  # type: ignore[arg-type]
        return module

    def test_schemes(self) -> None:
        normal = self.network("normal", 0)[4]  # type: ignore[index]
        assert normal.weight.std().item() == pytest.approx(1.0, abs=0.05)
        assert not normal.bias.any()
        assert self.network("normal-biases", 0)[4].bias.std() > 0.5  # type: ignore[index]
        xavier = self.network("xavier", 0)[4]  # type: ignore[index]
        bound = (6 / (32 * 9 + 32 * 9)) ** 0.5
        assert bound * 0.99 < xavier.weight.abs().max().item() <= bound
        assert not xavier.bias.any()
        assert self.network("torch", 0)[4].bias.any()  # type: ignore[index]

    def test_seeds_differ_and_repeat(self) -> None:
        one, two, three = (self.network("xavier", seed)[0].weight for seed in (0, 1, 0))  # type: ignore[index]
        assert torch.equal(one, three)
        assert not torch.equal(one, two)

    def test_what_cannot_be_drawn_is_named(self) -> None:
        class Token(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.token = nn.Parameter(torch.zeros(3))

        with pytest.raises(UsageError, match="'token' of Token cannot be drawn anew"):
            initialise(Token(), "torch")


CLASSES, SHOTS, DIM = 4, 5, 6
LABELS = np.repeat(np.arange(CLASSES), SHOTS)
SETTINGS = TrainingSettings(
    mode="network", batch_size=64, learning_rate=0.01, backbone_learning_rate=0.01, weight_decay=0.0
)


def made(name: str, **options: object) -> tuple[Embedder, object, CachedFeatures]:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(CLASSES, DIM))[LABELS] + 0.4 * rng.normal(size=(len(LABELS), DIM))
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Linear(DIM, 8), nn.BatchNorm1d(8), nn.ReLU())
    method = create_method(name, **options)
    model = Embedder.of(method, trunk, Dims(8, 5, CLASSES), SETTINGS).eval()
    return model, method, CachedFeatures(rows.astype(np.float32))


def adapted(name: str, adaptation: Adaptation | None = None, seed: int = 0, **options: object):  # type: ignore[no-untyped-def]
    model, method, source = made(name, **options)
    found, terms = adapt(
        model,
        method,  # type: ignore[arg-type]
        source,
        np.arange(len(LABELS)),
        LABELS,
        SETTINGS,
        FABRIC,
        seed=seed,
        adaptation=adaptation,
    )
    return model, found, terms


def moved(before: nn.Module, after: nn.Module) -> set[str]:
    old, new = before.state_dict(), after.state_dict()
    return {name for name in old if not torch.equal(old[name], new[name])}


@pytest.mark.parametrize("name", ["weight-transfer", "adapted-histogram", "adapted-prototypical"])
def test_all_weights_adapt_and_the_model_stays(name: str) -> None:
    options = {"adaptation_evaluate_every": 5} if name == "adapted-prototypical" else {}
    before = made(name)[0].state_dict()
    model, found, _ = adapted(name, adaptation_rule="fixed-steps", adaptation_steps=30, **options)
    assert {"trunk.0.weight", "head.weight"} <= moved(model, found)
    assert all(torch.equal(before[key], one) for key, one in model.state_dict().items())


def test_one_shot_leaves_the_embedding_alone() -> None:
    model, method, source = made("adapted-histogram")
    first = np.arange(0, len(LABELS), SHOTS)
    found, _ = adapt(
        model, method, source, first, np.arange(CLASSES), SETTINGS, FABRIC, seed=0  # type: ignore[arg-type]
    )  # fmt: skip
    assert not moved(model, found)


def test_the_baseline_begins_anew_for_every_episode() -> None:
    one, two, again = (
        adapted("baseline", seed=seed, adaptation_rule="fixed-steps", adaptation_steps=1)[1]
        for seed in (0, 1, 0)
    )
    assert not moved(one, again)
    assert {"trunk.0.weight", "head.weight"} <= moved(one, two)
    transferred = adapted("weight-transfer", adaptation_steps=1)
    shift = (transferred[0].head.weight - transferred[1].head.weight).abs().max().item()
    assert shift < 0.1, "an update of weight transfer is a small step from the trained weights"


@pytest.mark.parametrize("patience", [5, 20])
def test_the_paper_s_rule_keeps_model_and_classifier_of_the_best_score(
    patience: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores: list[float] = []
    original = SupportScores.training

    def noted(self: SupportScores, model: nn.Module) -> float:
        scores.append(original(self, model))
        return scores[-1]

    monkeypatch.setattr(SupportScores, "training", noted)
    options = {"classifier_learning_rate_factor": 1.0, "adaptation_learning_rate_factor": 1.0}
    _, found, terms = adapted(
        "weight-transfer", adaptation_steps=400, adaptation_patience=patience, **options
    )
    assert len(scores) < 400, "it ended early"
    rows = made("weight-transfer")[2].training_batch(np.arange(len(LABELS)), 0)
    with torch.no_grad():
        said = terms["loss"].predict(found(rows)).numpy()
    assert (said == LABELS).mean() == max(scores)
    if patience == 20:
        assert max(scores) == 1.0
    else:
        assert scores[-1] < 1.0


def test_scoring_leaves_a_frozen_trunk_in_evaluation_mode() -> None:
    adaptation = replace(
        oodml_adaptation("triplet", 5, steps=5), rule="best-training", evaluate_every=1
    )
    settings = SETTINGS.model_copy(update={"freeze_batch_norm": False})
    model, method, source = made("triplet")
    model = Embedder(model.trunk, model.head, 8, 5, freeze_batch_norm=False)
    found, _ = adapt(
        model, method, source, np.arange(len(LABELS)), LABELS, settings, FABRIC, seed=0,  # type: ignore[arg-type]
        adaptation=adaptation,
    )  # fmt: skip
    assert not {name for name in moved(model, found) if name.startswith("trunk.")}


def test_moments_go_on_where_the_source_training_ended() -> None:
    """Two runs of one step with carried moments are one run of two steps."""

    def run(model: Embedder, steps: int, moments=None):  # type: ignore[no-untyped-def]
        method = create_method("adapted-histogram")
        feed = Feed(source, np.arange(len(LABELS)), LABELS, create_batch_rule("balanced"), 64, 0)
        settings = SETTINGS.model_copy(update={"steps": steps})
        terms = method.terms(model.dims(CLASSES))
        return train(model, terms, feed, settings, FABRIC, moments=moments).moments

    whole, _, source = made("adapted-histogram")
    run(whole, 2)
    halves = made("adapted-histogram")[0]
    moments = run(halves, 1)
    reset = made("adapted-histogram")[0]
    reset.load_state_dict(halves.state_dict())
    run(halves, 1, moments)
    run(reset, 1)
    for (name, one), two in zip(whole.named_parameters(), halves.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-6), name
    assert not torch.allclose(whole.head.weight, reset.head.weight, atol=1e-4)


def test_carrying_moments_needs_them() -> None:
    with pytest.raises(OodmlError, match="moments of the source training"):
        adapted("adapted-histogram", carry_moments=True)


def test_moments_are_copied_by_name() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    one = torch.optim.Adam(first.parameters())
    first(torch.ones(1, 2)).sum().backward()
    one.step()
    two = torch.optim.Adam([second.weight])
    put_moments(two, second, moments_of(one, first))
    state = two.state[second.weight]
    assert torch.equal(state["exp_avg"], one.state[first.weight]["exp_avg"])
    assert state["exp_avg"] is not one.state[first.weight]["exp_avg"]
    assert second.bias not in two.state


class TestOodmlAdaptation:
    def test_as_published(self) -> None:
        found = oodml_adaptation("triplet", 2)
        assert (found.steps, found.trains, found.learning_rate_factor) == (1000, "head", 10.0)
        assert oodml_adaptation("multi-similarity", 5).steps == 1500
        assert found.changes["batch_size"] == 112
        assert found.changes["weight_decay"] == 0.0
        assert found.by is not None
        assert found.by.hyper_parameters["beta"] == 1.2
        assert not found.by.hyper_parameters["learn_beta"]
        other = oodml_adaptation("s2sd-r-margin", 2).by
        assert other is not None
        assert other.hyper_parameters["beta"] == 0.6

    def test_the_last_layer_alone_moves(self) -> None:
        adaptation = oodml_adaptation("triplet", 5, steps=5)
        model, found, terms = adapted("triplet", adaptation)
        assert moved(model, found) == {"head.weight", "head.bias"}
        assert all(not one.requires_grad for one in found.trunk.parameters())
        assert not list(nn.ModuleDict(terms).parameters()), "beta is fixed"

    def test_or_everything(self) -> None:
        adaptation = replace(oodml_adaptation("triplet", 5, steps=5), trains="all")
        model, found, _ = adapted("triplet", adaptation)
        assert {"trunk.0.weight", "head.weight"} <= moved(model, found)


def test_a_rule_without_scores_never_ends() -> None:
    rule = create_selection_rule("best-training")
    assert not Selection(rule, None).observe(5, nn.Linear(1, 1))
