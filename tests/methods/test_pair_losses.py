"""Contrastive, lifted, N-pair, multi-similarity, angular and histogram losses against loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_checks import check_loss
from pair_references import (
    cosine,
    far,
    hinge,
    mean_of,
    negatives_of,
    plain_miner,
    plain_triplets,
    positive_pairs,
    positives_of,
    random_batch,
    sum_of,
    unit,
)
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import AngularLoss as LibraryAngularLoss
from pytorch_metric_learning.losses import LiftedStructureLoss, MultiSimilarityLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from torch import Tensor, nn

from oodml.methods import create_method
from oodml.methods.terms.angular import AngularLoss
from oodml.methods.terms.contrastive import ContrastiveLoss
from oodml.methods.terms.histogram import HistogramLoss
from oodml.methods.terms.lifted import LiftedLoss
from oodml.methods.terms.multi_similarity import MultiSimilarityLoss as OwnMultiSimilarityLoss
from oodml.methods.terms.npair import NPairLoss


def contrastive(
    rows: Tensor,
    loss: nn.Module,
    positive: list[tuple[int, int]],
    negative: list[tuple[int, int]],
) -> Tensor:
    z = [unit(row) for row in rows]
    pull = [hinge(far(z[i], z[j]) - loss.positive_margin) for i, j in positive]
    push = [hinge(loss.negative_margin - far(z[i], z[j])) for i, j in negative]
    return mean_of(pull) + mean_of(push)


def contrastive_of_all(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    negative = [(i, j) for i in range(len(labels)) for j in negatives_of(labels, i)]
    return contrastive(rows, loss, positive_pairs(labels), negative)


def contrastive_of_triplets(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    triplets = plain_triplets(labels)
    positive, negative = [(a, p) for a, p, _ in triplets], [(a, n) for a, _, n in triplets]
    return contrastive(rows, loss, positive, negative)


@pytest.mark.parametrize("margins", [(0.0, 1.0), (0.3, 0.8)])
def test_contrastive_is_two_means_of_hinges(margins: tuple[float, float]) -> None:
    check_loss(lambda: ContrastiveLoss(*margins), contrastive_of_all)
    check_loss(lambda: ContrastiveLoss(*margins), contrastive_of_triplets, miner=plain_miner)


def lifted(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z = [unit(row) for row in rows] if loss.normalised else list(rows)
    penalty = loss.norm_weight * mean_of([row.norm() for row in rows])
    values = []
    for i, j in positive_pairs(labels):
        others = [far(z[k], z[n]) for k in (i, j) for n in negatives_of(labels, k)]
        if i < j and others:
            push = sum_of([torch.exp(loss.margin - d) for d in others]).log()
            values.append(hinge(push + far(z[i], z[j])) ** 2 / 2)
    return mean_of(values) + penalty


def generalised_lifted(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z = [unit(row) for row in rows] if loss.normalised else list(rows)
    penalty = loss.norm_weight * mean_of([row.norm() for row in rows])
    values = []
    for a in range(len(labels)):
        positive, negative = positives_of(labels, a), negatives_of(labels, a)
        if positive and negative:
            pull = sum_of([far(z[a], z[p]).exp() for p in positive]).log()
            push = sum_of([torch.exp(loss.margin - far(z[a], z[n])) for n in negative]).log()
            values.append(hinge(pull + push))
    return mean_of(values) + penalty


@pytest.mark.parametrize("normalised", [False, True])
def test_lifted_is_song_et_als_and_generalised_hermans_et_als(normalised: bool) -> None:
    check_loss(lambda: LiftedLoss(1.0, 0.1, normalised=normalised), lifted)
    check_loss(
        lambda: LiftedLoss(0.8, 0.1, normalised=normalised, generalised=True), generalised_lifted
    )


def test_lifted_is_the_librarys() -> None:
    distance = LpDistance(normalize_embeddings=False)
    for seed in range(3):
        rows, labels = random_batch(seed)
        expected = float(LiftedStructureLoss(neg_margin=1.0, distance=distance)(rows, labels))
        assert float(LiftedLoss(1.0, 0.0)(rows, labels)) == pytest.approx(expected, rel=1e-9)


def npair(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    pairs = []
    for c in sorted(set(labels)):
        members = [i for i, label in enumerate(labels) if label == c]
        if len(members) >= 2:
            pairs.append((members[0], members[1]))
    values = []
    for c, (a, _) in enumerate(pairs):
        logits = [
            loss.scale**2 * cosine(rows[a], rows[p]) if loss.normalised else rows[a] @ rows[p]
            for _, p in pairs
        ]
        values.append(-torch.log_softmax(torch.stack(logits), dim=0)[c])
    used = [rows[i] for pair in pairs for i in pair]
    return mean_of(values) + loss.norm_weight * mean_of([row @ row for row in used])


@pytest.mark.parametrize(("normalised", "weight"), [(True, 0.0), (False, 0.02), (False, 0.0)])
def test_npair_is_cross_entropy_over_one_positive_a_class(normalised: bool, weight: float) -> None:
    check_loss(
        lambda: NPairLoss(norm_weight=weight, normalised=normalised),
        npair,
        gradient_at_duplicates=True,
    )


def multi_similarity(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    total = 0 * rows.sum()
    for i in range(len(labels)):
        positive = [cosine(rows[i], rows[j]) for j in positives_of(labels, i)]
        negative = [cosine(rows[i], rows[j]) for j in negatives_of(labels, i)]
        if loss.drop_duplicates:
            positive = [s for s in positive if s < 1 - 1e-5]
        if not positive or not negative:
            continue
        hard_positive = [s for s in positive if s - loss.epsilon < max(negative)]
        hard_negative = [s for s in negative if s + loss.epsilon > min(positive)]
        pull = sum_of([torch.exp(-loss.alpha * (s - loss.base)) for s in hard_positive])
        push = sum_of([torch.exp(loss.beta * (s - loss.base)) for s in hard_negative])
        total = total + torch.log1p(pull) / loss.alpha + torch.log1p(push) / loss.beta
    return total / len(labels)


@pytest.mark.parametrize("drop", [False, True])
def test_multi_similarity_is_the_papers_and_secs(drop: bool) -> None:
    check_loss(
        lambda: OwnMultiSimilarityLoss(drop_duplicates=drop),
        multi_similarity,
        gradient_at_duplicates=True,
    )


def test_multi_similarity_is_what_it_was_through_the_library() -> None:
    library, miner = MultiSimilarityLoss(2.0, 40.0, 0.5), MultiSimilarityMiner(0.1)
    for seed in range(5):
        rows, labels = random_batch(seed)
        for dtype in (torch.float32, torch.float64):
            cast = rows.to(dtype)
            expected = float(library(cast, labels, miner(cast, labels)))
            found = float(OwnMultiSimilarityLoss()(cast, labels))
            assert found == pytest.approx(expected, rel=1e-6)


def test_near_duplicates_are_dropped_where_asked() -> None:
    rows, labels = random_batch(1)
    rows[1], rows[3] = 2 * rows[0], rows[0] + 0.05 * rows[4]
    kept = create_method("multi-similarity").loss(None)(rows, labels)  # type: ignore[arg-type, attr-defined]
    dropping = create_method("multi-similarity", near_duplicates="drop")
    dropped = dropping.loss(None)(rows, labels)  # type: ignore[arg-type, attr-defined]
    assert float(dropped) < float(kept)


def angular(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    z, t = [unit(row) for row in rows], loss.tangent
    angles, pairs = [], []
    for a, p in positive_pairs(labels):
        negative = negatives_of(labels, a)
        if negative:
            bound = 2 * (1 + t) * (z[a] @ z[p])
            terms = [torch.exp(4 * t * ((z[a] + z[p]) @ z[n]) - bound) for n in negative]
            angles.append(torch.log1p(sum_of(terms)))
            terms = [torch.exp(rows[a] @ rows[n] - rows[a] @ rows[p]) for n in negative]
            pairs.append(torch.log1p(sum_of(terms)))
    norms = mean_of([row.norm() for row in rows])
    return (
        loss.weight * mean_of(angles)
        + loss.npair_weight * mean_of(pairs)
        + loss.norm_weight * norms
    )


@pytest.mark.parametrize("weights", [(2.0, 1.0, 0.005), (1.0, 0.0, 0.0)])
def test_angular_is_wang_et_als_with_an_npair_part(weights: tuple[float, ...]) -> None:
    check_loss(lambda: AngularLoss(45.0, *weights), angular, gradient_at_duplicates=True)
    check_loss(lambda: AngularLoss(36.0, *weights), angular)


def test_the_angular_part_alone_is_the_librarys() -> None:
    for seed in range(3):
        rows, labels = random_batch(seed)
        # the library takes negatives as long as they are
        rows = nn.functional.normalize(rows, dim=1)
        expected = float(LibraryAngularLoss(alpha=40)(rows, labels))
        found = float(AngularLoss(40.0, 1.0, 0.0, 0.0)(rows, labels))
        assert found == pytest.approx(expected, rel=1e-6)


def histogram(rows: Tensor, labels: list[int], loss: nn.Module) -> Tensor:
    grid = torch.linspace(-1, 1, loss.bins, dtype=torch.float64)
    step = 2 / (loss.bins - 1)

    def density(pairs: list[tuple[int, int]]) -> list[Tensor]:
        values = [cosine(rows[i], rows[j]) for i, j in pairs]
        return [mean_of([hinge(1 - (s - g).abs() / step) for s in values]) for g in grid]

    count = range(len(labels))
    positive = [(i, j) for i, j in positive_pairs(labels) if i < j]
    negative = [(i, j) for i in count for j in negatives_of(labels, i) if i < j]
    if not positive or not negative:
        return 0 * rows.sum()
    likely, unlikely = density(positive), density(negative)
    return sum_of([unlikely[j] * sum_of(likely[: j + 1]) for j in range(loss.bins)])


def test_histogram_is_the_probability_that_a_negative_beats_a_positive() -> None:
    check_loss(lambda: HistogramLoss(17), histogram)
    method = create_method("histogram")
    adaptation = method.adaptation_or_error()
    assert (adaptation.predictor, adaptation.steps) == ("nearest", 0)


UNIT = [
    ContrastiveLoss(),
    LiftedLoss(1.0, 0.0, normalised=True),
    LiftedLoss(1.0, 0.0, normalised=True, generalised=True),
    OwnMultiSimilarityLoss(),
    AngularLoss(45.0, 1.0, 0.0, 0.0),
    NPairLoss(),
]


@pytest.mark.parametrize("loss", UNIT)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_lengths_do_not_matter_where_rows_are_made_unit(loss: nn.Module, seed: int) -> None:
    rows, labels = random_batch(seed)
    lengths = 0.1 + 9 * torch.rand(len(rows), 1, generator=torch.Generator().manual_seed(seed))
    expected = float(loss(rows, labels))
    assert float(loss(rows * lengths, labels)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("loss", [*UNIT[:-1], LiftedLoss(), AngularLoss()])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_rows_does_not_matter(loss: nn.Module, seed: int) -> None:
    rows, labels = random_batch(seed)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    expected = float(loss(rows, labels))
    assert float(loss(rows[order], labels[order])) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_classes_does_not_matter_to_npair(seed: int) -> None:
    rows, labels = random_batch(seed)
    renamed = torch.randperm(4, generator=torch.Generator().manual_seed(seed))[labels]
    expected = float(NPairLoss()(rows, labels))
    assert float(NPairLoss()(rows, renamed)) == pytest.approx(expected, rel=1e-9)
