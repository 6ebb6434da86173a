"""Objectives against slow float64 references written from the formulas."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import step_of

import oodml
from oodml.core.errors import UsageError
from oodml.methods import Dims, Method
from oodml.methods.terms.histogram import HistogramLoss
from oodml.methods.terms.softmax import SoftmaxLoss


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
    method = oodml.create_method(name, **hyper_parameters)
    return total(method, torch.from_numpy(rows), torch.from_numpy(labels)).item()


def total(method: Method, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The sum of a method's terms on embeddings that are given."""
    terms = method.terms(Dims(rows.shape[1], rows.shape[1], 5))
    step = step_of(rows, labels)
    return torch.stack([term(step) for term in terms.values()]).sum()


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
        found = HistogramLoss(bins)(torch.from_numpy(rows), torch.from_numpy(labels)).item()
        assert found == pytest.approx(histogram_reference(rows, labels, bins), rel=1e-4)


def test_histogram_takes_exact_duplicates_and_opposites() -> None:
    rows = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]], requires_grad=True)
    loss = HistogramLoss()(rows, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(rows.grad).all()


def test_histogram_without_a_pair_of_one_kind_is_zero() -> None:
    rows = torch.randn(4, 3, requires_grad=True)
    for labels in ([0, 1, 2, 3], [0, 0, 0, 0]):
        loss = HistogramLoss()(rows, torch.tensor(labels))
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
    objective = SoftmaxLoss(7, 5, rectify=True)
    weight = objective.classifier.weight.detach().numpy().astype(np.float64)
    bias = objective.classifier.bias.detach().numpy().astype(np.float64)
    logits = np.maximum(rows, 0) @ weight.T + bias
    log_sum = np.log(np.exp(logits).sum(axis=1))
    expected = np.mean(log_sum - logits[np.arange(len(rows)), labels])
    found = objective(torch.from_numpy(rows), torch.from_numpy(labels)).item()
    assert found == pytest.approx(expected, rel=1e-5)
    predicted = objective.predict(torch.from_numpy(rows)).numpy()
    np.testing.assert_array_equal(predicted, logits.argmax(axis=1))


@pytest.mark.parametrize("name", ["triplet", "multi-similarity"])
def test_l2_adds_the_mean_squared_norm(name: str) -> None:
    rows, labels = batch(4)
    squares = (rows.astype(np.float64) ** 2).sum(axis=1)
    added = value(f"l2-{name}", rows, labels, weight=0.3) - value(name, rows, labels)
    assert added == pytest.approx(0.3 * squares.mean(), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_normalized_softmax_is_cross_entropy_of_cosines(temperature: float) -> None:
    rows, labels = batch(3)
    method = oodml.create_method("normalized-softmax", temperature=temperature)
    (term,) = method.terms(Dims(7, 7, 5)).values()
    proxies = term.loss.W.detach().numpy().T.astype(np.float64)
    logits = unit(rows.astype(np.float64)) @ unit(proxies).T / temperature
    log_sum = np.log(np.exp(logits).sum(axis=1))
    expected = np.mean(log_sum - logits[np.arange(len(rows)), labels])
    found = term(step_of(torch.from_numpy(rows), torch.from_numpy(labels)))
    assert found.item() == pytest.approx(expected, rel=1e-4)
    (group,) = term.groups()
    assert group.factor == 100.0


def test_whitening_is_the_inverse_root_of_the_within_class_covariance() -> None:
    rows, labels = batch(1, classes=6, images=9, dims=5)
    z = unit(rows.astype(np.float64))
    centred = z - np.stack([z[labels == c].mean(axis=0) for c in labels])
    covariance = centred.T @ centred / len(z)
    shrunk = covariance + 0.5 * np.trace(covariance) / 5 * np.eye(5)
    head = oodml.create_method("whitening", shrinkage=0.5).fit(rows, labels)
    found = head(torch.from_numpy(rows)).detach().numpy().astype(np.float64)
    weight = head.weight.detach().numpy().astype(np.float64)
    product = weight @ shrunk @ weight.T
    np.testing.assert_allclose(product, product[0, 0] * np.eye(5), atol=1e-5 * product[0, 0])
    np.testing.assert_allclose(found, z @ weight.T, atol=1e-5)


def prototypical_reference(rows: np.ndarray, labels: np.ndarray, support: np.ndarray) -> float:
    z = rows.astype(np.float64)
    prototypes = {c: z[support & (labels == c)].mean(axis=0) for c in np.unique(labels)}
    values = []
    for x, label in zip(z[~support], labels[~support], strict=True):
        scores = {c: math.exp(-np.sum((x - m) ** 2)) for c, m in prototypes.items()}
        values.append(-math.log(scores[label] / sum(scores.values())))
    return float(np.mean(values))


@pytest.mark.parametrize("seed", range(3))
def test_prototypical_is_softmax_over_distances_to_class_means(seed: int) -> None:
    rows, labels = batch(seed, images=5, dims=3)
    support = np.tile([True, True, True, False, False], 5)
    step = step_of(
        torch.from_numpy(rows), torch.from_numpy(labels), support=torch.from_numpy(support)
    )
    (term,) = oodml.create_method("prototypical").terms(Dims(3, 3, 5)).values()
    expected = prototypical_reference(rows, labels, support)
    assert term(step).item() == pytest.approx(expected, rel=1e-4)


def nt_xent_reference(rows: np.ndarray, items: np.ndarray, temperature: float) -> float:
    z = unit(rows.astype(np.float64))
    values = []
    for i in range(len(z)):
        other = [math.exp(z[i] @ z[k] / temperature) for k in range(len(z)) if k != i]
        (j,) = [k for k in range(len(z)) if k != i and items[k] == items[i]]
        values.append(-math.log(math.exp(z[i] @ z[j] / temperature) / sum(other)))
    return float(np.mean(values))


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr_is_nt_xent_over_two_views(temperature: float) -> None:
    rows, _ = batch(3, classes=6, images=2)
    items = np.tile([7, 3, 9, 100, 4, 5], 2)
    tensor = torch.from_numpy(rows)
    step = step_of(
        tensor,
        torch.zeros(12, dtype=torch.int64),  # labels are not read
        items=torch.from_numpy(items),
        heads={"embedding": tensor, "projection": tensor},
    )
    method = oodml.create_method("simclr", temperature=temperature)
    (term,) = method.terms(Dims(7, 7, 5)).values()
    assert term(step).item() == pytest.approx(nt_xent_reference(rows, items, temperature), rel=1e-4)


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

    def test_double_precision_is_kept(self) -> None:
        rows = torch.ones(4, 3, dtype=torch.float64)
        rows[0] *= 1 + 1e-9
        assert oodml.SphericalConstraint()(rows).dtype == torch.float64
        assert oodml.SphericalConstraint()(rows).item() > 0
        assert oodml.SphericalConstraint()(rows.half()).dtype == torch.float32

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
