"""Objectives against slow float64 references written from the formulas."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import oodml
from oodml.core.errors import UsageError
from oodml.methods.terms.histogram import HistogramObjective
from oodml.methods.terms.softmax import SoftmaxObjective


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def triplet_reference(rows: np.ndarray, labels: np.ndarray, margin: float) -> float:
    z = unit(rows.astype(np.float64))
    values = []
    for a in range(len(z)):
        for p in range(len(z)):
            for n in range(len(z)):
                if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
                    near, far = np.sum((z[a] - z[p]) ** 2), np.sum((z[a] - z[n]) ** 2)
                    values.append(max(0.0, near - far + margin))
    return float(np.mean(values)) if values else 0.0


def multi_similarity_reference(
    rows: np.ndarray, labels: np.ndarray, alpha: float, beta: float, base: float, epsilon: float
) -> float:
    z = unit(rows.astype(np.float64))
    similarity = z @ z.T
    total = 0.0
    for i in range(len(z)):
        positive = [similarity[i, j] for j in range(len(z)) if j != i and labels[j] == labels[i]]
        negative = [similarity[i, j] for j in range(len(z)) if labels[j] != labels[i]]
        if not positive or not negative:
            continue
        kept_positive = [s for s in positive if s - epsilon < max(negative)]
        kept_negative = [s for s in negative if s + epsilon > min(positive)]
        if not kept_positive or not kept_negative:
            continue
        total += math.log(1 + sum(math.exp(-alpha * (s - base)) for s in kept_positive)) / alpha
        total += math.log(1 + sum(math.exp(beta * (s - base)) for s in kept_negative)) / beta
    return total / len(z)


def histogram_reference(rows: np.ndarray, labels: np.ndarray, bins: int) -> float:
    z = unit(rows.astype(np.float64))
    grid = np.linspace(-1, 1, bins)
    step = grid[1] - grid[0]

    def density(similarities: list[float]) -> np.ndarray:
        weights = [np.maximum(0, 1 - np.abs(s - grid) / step) for s in similarities]
        return np.sum(weights, axis=0) / len(similarities)

    pairs = list(combinations(range(len(z)), 2))
    positive = [float(z[i] @ z[j]) for i, j in pairs if labels[i] == labels[j]]
    negative = [float(z[i] @ z[j]) for i, j in pairs if labels[i] != labels[j]]
    p_positive, p_negative = density(positive), density(negative)
    return float(sum(p_negative[j] * p_positive[: j + 1].sum() for j in range(bins)))


def batch(
    seed: int, classes: int = 5, images: int = 3, dims: int = 7
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(classes * images, dims)) * rng.uniform(0.5, 3, (classes * images, 1))
    return rows.astype(np.float32), np.repeat(np.arange(classes), images)


def value(name: str, rows: np.ndarray, labels: np.ndarray, **hyper_parameters: float) -> float:
    objective = oodml.create_method(name, **hyper_parameters).objective(rows.shape[1], 5)
    return objective(torch.from_numpy(rows), torch.from_numpy(labels)).item()


@pytest.mark.parametrize("seed", range(3))
def test_triplet_is_the_mean_over_all_triplets(seed: int) -> None:
    rows, labels = batch(seed)
    for margin in (0.2, 1.0):
        expected = triplet_reference(rows, labels, margin)
        assert value("triplet", rows, labels, margin=margin) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_multi_similarity_is_the_papers(seed: int) -> None:
    rows, labels = batch(seed)
    expected = multi_similarity_reference(rows, labels, 2, 40, 0.5, 0.1)
    assert value("multi-similarity", rows, labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_histogram_is_the_papers(seed: int) -> None:
    rows, labels = batch(seed)
    for bins in (2, 21, 201):
        found = HistogramObjective(bins)(torch.from_numpy(rows), torch.from_numpy(labels)).item()
        assert found == pytest.approx(histogram_reference(rows, labels, bins), rel=1e-4)


def test_histogram_takes_exact_duplicates_and_opposites() -> None:
    rows = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]], requires_grad=True)
    loss = HistogramObjective()(rows, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(rows.grad).all()


def test_histogram_without_a_pair_of_one_kind_is_zero() -> None:
    rows = torch.randn(4, 3, requires_grad=True)
    for labels in ([0, 1, 2, 3], [0, 0, 0, 0]):
        loss = HistogramObjective()(rows, torch.tensor(labels))
        assert loss.item() == 0
        loss.backward()


@pytest.mark.parametrize("name", ["triplet", "multi-similarity"])
def test_the_constraint_adds_the_variance_of_the_norms(name: str) -> None:
    rows, labels = batch(4)
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    plain = value(name, rows, labels)
    constrained = value(f"sec-{name}", rows, labels, eta=0.7)
    assert constrained - plain == pytest.approx(0.7 * norms.var(), rel=1e-4)


def test_softmax_is_cross_entropy_of_a_linear_layer() -> None:
    rows, labels = batch(5)
    objective = SoftmaxObjective(7, 5, rectify=True)
    weight = objective.classifier.weight.detach().numpy().astype(np.float64)
    bias = objective.classifier.bias.detach().numpy().astype(np.float64)
    logits = np.maximum(rows, 0) @ weight.T + bias
    log_sum = np.log(np.exp(logits).sum(axis=1))
    expected = np.mean(log_sum - logits[np.arange(len(rows)), labels])
    found = objective(torch.from_numpy(rows), torch.from_numpy(labels)).item()
    assert found == pytest.approx(expected, rel=1e-5)
    predicted = objective.predict(torch.from_numpy(rows)).numpy()
    np.testing.assert_array_equal(predicted, logits.argmax(axis=1))


class TestSphericalConstraint:
    def test_momentum_one_is_the_batch_variance(self) -> None:
        rows = torch.randn(9, 4)
        norms = rows.norm(dim=1).double().numpy()
        for _ in range(2):
            penalty = oodml.SphericalConstraint(weight=2.0)(rows).item()
            assert penalty == pytest.approx(2 * norms.var(), rel=1e-5)

    def test_the_mean_moves_with_momentum(self) -> None:
        constraint = oodml.SphericalConstraint(momentum=0.25)
        batches = [torch.randn(6, 3) * scale for scale in (1, 5, 2)]
        mean = None
        for rows in batches:
            norms = rows.norm(dim=1).double().numpy()
            mean = norms.mean() if mean is None else 0.75 * mean + 0.25 * norms.mean()
            assert constraint(rows).item() == pytest.approx(np.mean((norms - mean) ** 2), rel=1e-5)

    def test_the_mean_is_detached(self) -> None:
        rows = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
        oodml.SphericalConstraint()(rows).backward()
        norms = rows.detach().norm(dim=1, keepdim=True)
        expected = 2 / 5 * (norms - norms.mean()) * rows.detach() / norms
        torch.testing.assert_close(rows.grad, expected, rtol=1e-4, atol=1e-6)

    def test_evaluation_mode_does_not_move_the_mean(self) -> None:
        constraint = oodml.SphericalConstraint(momentum=0.5)
        constraint(torch.ones(4, 1))
        constraint.eval()
        assert constraint(torch.full((4, 1), 3.0)).item() == pytest.approx(4.0)
        assert constraint.mean_norm.item() == 1.0

    def test_two_forwards_before_one_backward(self) -> None:
        constraint = oodml.SphericalConstraint(momentum=0.5)
        first, second = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
        (constraint(first) + constraint(second)).backward()
        assert first.grad is not None
        assert second.grad is not None

    @given(
        scale=st.floats(0.1, 10),
        seed=st.integers(0, 1000),
    )
    @settings(max_examples=25, deadline=None)
    def test_scales_with_the_square_of_the_norms(self, scale: float, seed: int) -> None:
        rows = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
        plain = oodml.SphericalConstraint()(rows).item()
        assert oodml.SphericalConstraint()(rows * scale).item() == pytest.approx(
            plain * scale**2, rel=1e-3, abs=1e-6
        )

    @pytest.mark.parametrize("arguments", [{"weight": -1.0}, {"momentum": 0.0}, {"momentum": 1.5}])
    def test_wrong_arguments(self, arguments: dict) -> None:
        with pytest.raises(UsageError):
            oodml.SphericalConstraint(**arguments)

    def test_wrong_shape(self) -> None:
        with pytest.raises(UsageError, match=r"expected \[B, D\]"):
            oodml.SphericalConstraint()(torch.zeros(3))


def test_all_trained_methods_give_a_gradient() -> None:
    for name in oodml.list_methods():
        method = oodml.create_method(name)
        if method.trains:
            rows, labels = batch(6)
            tensor = torch.from_numpy(rows).requires_grad_()
            method.objective(7, 5)(tensor, torch.from_numpy(labels)).backward()
            assert tensor.grad is not None, name
            assert torch.isfinite(tensor.grad).all(), name
