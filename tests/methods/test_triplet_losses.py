"""Triplet, semi-hard triplet, margin, quadruplet and SNR losses against loops, and their invariants."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_checks import check_loss
from pair_references import (
    far,
    hinge,
    mean_of,
    negatives_of,
    plain_miner,
    plain_triplets,
    positive_pairs,
    random_batch,
    sum_of,
    switched_miner,
    unit,
)
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor, nn

from oodml.methods import Dims, create_method
from oodml.methods.terms.margin import MarginLoss
from oodml.methods.terms.quadruplet import QuadrupletLoss
from oodml.methods.terms.snr import SignalToNoiseLoss
from oodml.methods.terms.triplets import AllTriplets, SemihardTriplets


def all_triplets(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z = [unit(row) for row in rows]
    return mean_of(
        [
            hinge(far(z[a], z[p]) ** 2 - far(z[a], z[n]) ** 2 + loss.margin)
            for a, p in positive_pairs(labels)
            for n in negatives_of(labels, a)
        ]
    )


def semihard(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z = [unit(row) for row in rows]
    values = []
    for a, p in positive_pairs(labels):
        near = ((z[a] - z[p]) ** 2).sum()
        others = [((z[a] - z[n]) ** 2).sum() for n in negatives_of(labels, a)]
        farther = [d for d in others if d > near + 1e-10]
        if others:
            values.append(hinge(near - (min(farther) if farther else max(others)) + loss.margin))
    return mean_of(values)


@pytest.mark.parametrize("margin", [0.1, 1.0])
def test_triplet_is_the_mean_over_all_triplets(margin: float) -> None:
    check_loss(lambda: AllTriplets(margin), all_triplets)


def test_semihard_takes_the_nearest_farther_negative_or_the_farthest() -> None:
    check_loss(lambda: SemihardTriplets(0.2), semihard)


def test_semihard_without_a_farther_negative_takes_the_farthest() -> None:
    angles = torch.tensor([0.0, 2.0, 0.5, 1.0], dtype=torch.float64)
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.tensor([0, 0, 1, 2])
    squared = 2 - 2 * torch.cos(torch.tensor([2.0, 1.0, 1.5], dtype=torch.float64))
    from_first, from_second = squared[0] - squared[1] + 0.2, squared[0] - squared[2] + 0.2
    assert SemihardTriplets(0.2)(rows, labels) == pytest.approx(
        float((from_first + from_second) / 2), rel=1e-9
    )


def test_triplet_is_what_it_was_through_the_library() -> None:
    squared = LpDistance(normalize_embeddings=True, p=2, power=2)
    library = TripletMarginLoss(margin=1.0, distance=squared, reducer=MeanReducer())
    for seed in range(5):
        rows, labels = random_batch(seed)
        for dtype in (torch.float32, torch.float64):
            expected = float(library(rows.to(dtype), labels))
            assert float(AllTriplets()(rows.to(dtype), labels)) == pytest.approx(expected, rel=1e-6)


def margin_reference(miner: Callable[..., tuple[Tensor, ...]]) -> Callable[..., Tensor]:
    def reference(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
        z = [unit(row) for row in rows]
        values, active = [], 0
        mined = miner(rows, torch.tensor(labels))
        for a, p, n in zip(*(index.tolist() for index in mined), strict=True):
            boundary = loss.boundaries[labels[a]]
            pull = hinge(far(z[a], z[p]) - boundary + loss.margin)
            push = hinge(boundary - far(z[a], z[n]) + loss.margin)
            if pull > 0 or push > 0:
                values.append(pull + push + loss.nu * boundary)
                active += 1
        return sum_of(values) / max(active, 1)

    return reference


@pytest.mark.parametrize("miner", [plain_miner, switched_miner])
@pytest.mark.parametrize("options", [{}, {"boundary": 0.6, "nu": 0.3}, {"learned": False}])
def test_margin_is_the_sum_over_the_active_triplets(
    miner: Callable[..., tuple[Tensor, ...]], options: dict[str, float]
) -> None:
    check_loss(lambda: MarginLoss(5, **options), margin_reference(miner), miner=miner)


def test_margins_boundaries_learn_fifty_times_as_fast() -> None:
    for name, start in (("margin", 1.2), ("r-margin", 0.6)):
        (term,) = create_method(name).terms(Dims(4, 4, 3)).values()
        (group,) = term.groups()
        assert group.factor == 50.0
        assert group.parameters[0].tolist() == pytest.approx([start] * 3)
    (term,) = create_method("margin", learn_beta=False).terms(Dims(4, 4, 3)).values()
    assert term.groups() == []


def quadruplet_miner(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """`plain_triplets`; the fourth is the first item of a third class, -1 where there is none."""
    anchors, positives, negatives = plain_miner(embeddings, labels)
    fourths = []
    for a, n in zip(anchors.tolist(), negatives.tolist(), strict=True):
        third = [j for j, c in enumerate(labels.tolist()) if c not in (labels[a], labels[n])]
        fourths.append(third[0] if third else -1)
    return anchors, positives, negatives, torch.tensor(fourths, dtype=torch.int64)


def quadruplet(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z = [unit(row) for row in rows]
    first, second = [], []
    for a, p, n in plain_triplets(labels):
        third = [j for j, c in enumerate(labels) if c not in (labels[a], labels[n])]
        first.append(hinge(far(z[a], z[p]) - far(z[a], z[n]) + loss.margin))
        if third:
            apart = far(z[n], z[third[0]])
            second.append(hinge(far(z[a], z[p]) - apart + loss.second_margin))
    return mean_of(first) + mean_of(second)


def test_quadruplet_is_two_means_of_hinges() -> None:
    check_loss(lambda: QuadrupletLoss(0.3, 0.5), quadruplet, miner=quadruplet_miner)


def test_quadruplet_of_two_classes_is_its_first_part() -> None:
    rows, _ = random_batch(3)
    labels = torch.arange(2).repeat_interleave(6)
    found = QuadrupletLoss()(rows, labels, quadruplet_miner(rows, labels))
    assert float(found) == pytest.approx(float(quadruplet(rows, labels.tolist(), QuadrupletLoss())))


def signal_to_noise(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z = [unit(row) for row in rows]

    def variance(row: Tensor) -> Tensor:
        return ((row - row.mean()) ** 2).mean()

    values, sums = [], []
    for a, p, n in plain_triplets(labels):
        near = variance(z[a] - z[p]) / variance(z[a])
        away = variance(z[a] - z[n]) / variance(z[a])
        values.append(hinge(near - away + loss.margin))
        sums.append(z[a].sum().abs())
    active = sum(1 for value in values if value > 0)
    return sum_of(values) / max(active, 1) + loss.weight * mean_of(sums)


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_snr_is_the_triplet_loss_on_ratios_of_variances(weight: float) -> None:
    check_loss(lambda: SignalToNoiseLoss(0.2, weight), signal_to_noise, miner=plain_miner)


def test_snr_takes_a_constant_anchor() -> None:
    rows = torch.ones(4, 3, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1])
    value = SignalToNoiseLoss()(rows, labels, plain_miner(rows, labels))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("loss", [AllTriplets(), SemihardTriplets()])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neither_order_nor_length_of_the_rows_matters(loss: nn.Module, seed: int) -> None:
    rows, labels = random_batch(seed)
    value = float(loss(rows, labels))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    assert float(loss(rows[order], labels[order])) == pytest.approx(value, rel=1e-9)
    lengths = 0.1 + 9 * torch.rand(len(rows), 1, generator=torch.Generator().manual_seed(seed))
    assert float(loss(rows * lengths, labels)) == pytest.approx(value, rel=1e-9)
