"""Losses with one vector a class, or several: against transcriptions of their formulas in loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from loss_checks import check_loss
from torch import Tensor, nn

from oodml.methods import Dims, LossTerm, Method, Step, Term, create_method
from oodml.methods.builtin.soft_triple import CentreSpread
from oodml.methods.builtin.sphereface import AngularSoftmaxLoss, psi
from oodml.methods.term import classifier_of
from oodml.methods.terms.softmax import SoftmaxLoss

DIMS = Dims(features=6, embedding=6, classes=5)
CLASSIFIERS = (
    "arcface",
    "classification",
    "cosface",
    "normalized-softmax",
    "proxy-anchor",
    "proxy-nca",
    "soft-triple",
    "sphereface",
)


def loss_of(method: Method) -> Any:
    (term,) = method.terms(DIMS).values()
    assert isinstance(term, LossTerm)
    return term.loss


def unit(vector: Tensor) -> Tensor:
    length = vector.square().sum().sqrt()
    return vector / length if length > 0 else vector


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (unit(a) * unit(b)).sum()


def cross_entropy(logits: list[Tensor], own: int) -> Tensor:
    return torch.stack(logits).logsumexp(0) - logits[own]


def mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("scale", [16.0, 64.0])
def test_arcface(margin: float, scale: float) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for row, label in zip(rows, labels, strict=True):
            logits = []
            for c, vector in enumerate(loss.vectors):
                angle = cosine(row, vector).acos()
                logit = angle.cos()
                if c == label:
                    if float(angle.detach()) <= math.pi - margin:
                        logit = (angle + margin).cos()
                    else:
                        logit = angle.cos() - margin * math.sin(margin)
                logits.append(scale * logit)
            values.append(cross_entropy(logits, label))
        return mean(values)

    method = create_method("arcface", margin=margin, scale=scale)
    check_loss(lambda: loss_of(method), reference, gradient_at_duplicates=True)


def test_arcface_falls_with_the_angle_all_the_way() -> None:
    loss = loss_of(create_method("arcface", margin=0.5)).double()
    angles = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    found = loss._further(angles.cos())
    assert (found[1:] < found[:-1]).all()
    # no corner at the ends: rows along and against their vector have a finite gradient
    for sign in (1.0, -1.0):
        rows = (sign * loss.vectors.detach()).requires_grad_()
        loss(rows, torch.arange(5)).backward()
        assert torch.isfinite(rows.grad).all()


def test_arcface_lets_negative_cosines_count() -> None:
    """ooDML's clamp at 1e-10 would make both batches the same."""
    loss = loss_of(create_method("arcface"))
    far, farther = torch.tensor([[-1.0, 0.5]]), torch.tensor([[-1.0, 0.1]])
    with torch.no_grad():
        loss.vectors = nn.Parameter(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        assert loss(far, torch.tensor([0])) != loss(farther, torch.tensor([0]))


@pytest.mark.parametrize("margin", [0.0, 0.35])
def test_cosface(margin: float) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for row, label in zip(rows, labels, strict=True):
            logits = [
                20.0 * (cosine(row, vector) - margin * (c == label))
                for c, vector in enumerate(loss.W.T)
            ]
            values.append(cross_entropy(logits, label))
        return mean(values)

    method = create_method("cosface", margin=margin, scale=20.0)
    check_loss(lambda: loss_of(method), reference, gradient_at_duplicates=True)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_normalized_softmax(temperature: float) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for row, label in zip(rows, labels, strict=True):
            logits = [cosine(row, vector) / temperature for vector in loss.W.T]
            values.append(cross_entropy(logits, label))
        return mean(values)

    method = create_method("normalized-softmax", temperature=temperature)
    check_loss(lambda: loss_of(method), reference, gradient_at_duplicates=True)


@pytest.mark.parametrize("rectify", [False, True])
def test_classification(rectify: bool) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for row, label in zip(rows, labels, strict=True):
            seen = row.clamp(min=0) if rectify else row
            pairs = zip(loss.classifier.weight, loss.classifier.bias, strict=True)
            values.append(cross_entropy([(seen * w).sum() + b for w, b in pairs], label))
        return mean(values)

    check_loss(lambda: SoftmaxLoss(6, 5, rectify=rectify), reference, gradient_at_duplicates=True)


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
@pytest.mark.parametrize("blend", [0.0, 5.0])
def test_sphereface(margin: int, blend: float) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for row, label in zip(rows, labels, strict=True):
            length = row.square().sum().sqrt()
            logits = []
            for c, vector in enumerate(loss.vectors):
                cos = cosine(row, vector)
                if c == label:
                    angle = cos.acos()
                    k = min(int(float(angle.detach()) * margin / math.pi), margin - 1)
                    multiplied = (-1) ** k * (margin * angle).cos() - 2 * k
                    cos = (blend * cos + multiplied) / (1 + blend)
                logits.append(length * cos)
            values.append(cross_entropy(logits, label))
        return mean(values)

    def make() -> nn.Module:
        loss = loss_of(create_method("sphereface", margin=margin))
        loss.blend = blend
        return loss  # type: ignore[no-any-return]

    check_loss(make, reference, gradient_at_duplicates=True)


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 5])
def test_psi_falls_and_has_no_jump(margin: int) -> None:
    angles = torch.linspace(0, math.pi, 4001, dtype=torch.float64)
    found = psi(angles.cos(), margin)
    steps = found[1:] - found[:-1]
    assert (steps < 1e-9).all()
    assert (steps > -0.02).all()
    assert found[0] == pytest.approx(1)
    assert found[-1] == pytest.approx(1 - 2 * margin)


def step_at(number: int, rows: Tensor, labels: Tensor) -> Step:
    items = torch.arange(len(rows))
    return Step(
        number=number,
        labels=labels,
        items=items,
        views=torch.zeros_like(items),
        support=None,
        inputs=rows,
        features=rows,
        heads={"embedding": rows},
    )


def test_the_margin_of_sphereface_comes_with_the_steps() -> None:
    (term,) = create_method("sphereface", blend_start=100.0).terms(DIMS).values()
    rows, labels = torch.randn(8, 6), torch.arange(8) % 5
    blends, values = [], []
    for number in (0, 10, 10_000):
        values.append(term(step_at(number, rows, labels)).item())
        blends.append(term.loss.blend)
    assert blends == pytest.approx([100.0, 100 / 2.2, 5.0])
    assert values[0] < values[1] < values[2]
    # a pure function of the step: going back gives the same value
    assert term(step_at(0, rows, labels)).item() == values[0]
    assert isinstance(term.loss, AngularSoftmaxLoss)


@pytest.mark.parametrize("scale", [1.0, 9.0])
@pytest.mark.parametrize("with_own", [False, True])
def test_proxy_nca(scale: float, with_own: bool) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for row, label in zip(rows, labels, strict=True):
            near = [
                (-scale * (unit(row) - unit(proxy)).square().sum()).exp() for proxy in loss.vectors
            ]
            others = [one for c, one in enumerate(near) if with_own or c != label]
            values.append(-(near[label] / torch.stack(others).sum()).log())
        return mean(values)

    method = create_method("proxy-nca", scale=scale, own_in_sum=with_own)
    check_loss(lambda: loss_of(method), reference, gradient_at_duplicates=True)


def test_proxy_nca_of_one_class_is_zero() -> None:
    (term,) = create_method("proxy-nca").terms(Dims(6, 6, 1)).values()
    rows = torch.randn(3, 6, requires_grad=True)
    value = term(step_at(0, rows, torch.zeros(3, dtype=torch.int64)))
    value.backward()
    assert value.item() == 0
    assert not rows.grad.any()


def test_proxy_anchor() -> None:
    alpha, delta = 32.0, 0.1

    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        pulled, pushed = [], []
        for c, proxy in enumerate(loss.proxies):
            pull = [
                (-alpha * (cosine(row, proxy) - delta)).exp()
                for row, label in zip(rows, labels, strict=True)
                if label == c
            ]
            push = [
                (alpha * (cosine(row, proxy) + delta)).exp()
                for row, label in zip(rows, labels, strict=True)
                if label != c
            ]
            if pull:
                pulled.append((1 + torch.stack(pull).sum()).log())
            if push:
                pushed.append((1 + torch.stack(push).sum()).log())
        found = torch.stack(pulled).mean()
        return found + torch.stack(pushed).sum() / len(loss.proxies)

    method = create_method("proxy-anchor")
    check_loss(lambda: loss_of(method), reference, gradient_at_duplicates=True)


@pytest.mark.parametrize(("centres", "tau"), [(3, 0.2), (2, 0.0), (1, 0.2)])
def test_soft_triple(centres: int, tau: float) -> None:
    la, gamma, margin = 20.0, 0.1, 0.01

    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        of_class = loss.fc.T.reshape(5, centres, -1)
        values = []
        for row, label in zip(rows, labels, strict=True):
            logits = []
            for c in range(5):
                similar = torch.stack([cosine(row, one) for one in of_class[c]])
                shares = (similar / gamma).exp() / (similar / gamma).exp().sum()
                logits.append(la * ((shares * similar).sum() - margin * (c == label)))
            values.append(cross_entropy(logits, label))
        total = mean(values)
        for c in range(5):
            for s in range(centres):
                for t in range(s + 1, centres):
                    near = cosine(of_class[c][s], of_class[c][t])
                    total = total + tau * (2 - 2 * near).sqrt() / (5 * centres * (centres - 1))
        return total

    method = create_method("soft-triple", centres=centres, tau=tau)
    check_loss(lambda: loss_of(method), reference, gradient_at_duplicates=True)


def test_centres_that_met_have_a_finite_gradient() -> None:
    weights = torch.ones(6, 4, requires_grad=True)
    CentreSpread(3)(weights).backward()
    assert torch.isfinite(weights.grad).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_with_its_own_vectors(name: str) -> None:
    """Trained on separable rows by its loss alone, it predicts their classes, half ones too."""
    torch.manual_seed(0)
    generator = np.random.default_rng(3)
    centres = 6 * np.eye(5, 6) + 1
    labels = torch.arange(5).repeat_interleave(6)
    noise = 0.3 * generator.normal(size=(30, 6))
    rows = torch.from_numpy((centres[labels] + noise).astype(np.float32))
    terms: dict[str, Term] = create_method(name).terms(DIMS)
    classifier = classifier_of(terms.values())
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.05)
    for number in range(150):
        optimizer.zero_grad()
        classifier(step_at(number, rows, labels)).backward()
        optimizer.step()
    assert torch.equal(classifier.predict(rows), labels)
    assert torch.equal(classifier.predict(rows.half()), labels)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("arcface", 50.0),
        ("cosface", 50.0),
        ("sphereface", 50.0),
        ("soft-triple", 100.0),
        ("proxy-nca", 50.0),
        ("proxy-anchor", 100.0),
        ("normalized-softmax", 100.0),
    ],
)
def test_the_vectors_have_a_learning_rate_of_their_own(name: str, factor: float) -> None:
    (term,) = create_method(name).terms(DIMS).values()
    (group,) = term.groups()
    assert group.factor == factor
    given = create_method(name, proxy_learning_rate_factor=3.0).terms(DIMS)["loss"]
    assert [one.factor for one in given.groups()] == [3.0]


@pytest.mark.parametrize(
    ("name", "spread"),
    [
        ("arcface", 512**-0.5 / 3**0.5),
        ("cosface", 512**-0.5 / 3**0.5),
        ("sphereface", 512**-0.5 / 3**0.5),
        ("normalized-softmax", 512**-0.5 / 3**0.5),
        ("proxy-nca", 1 / 8),
        ("proxy-anchor", 1 / 8),
    ],
)
def test_the_vectors_begin_as_the_papers_do(name: str, spread: float) -> None:
    torch.manual_seed(0)
    (term,) = create_method(name).terms(Dims(512, 512, 40)).values()
    (vectors,) = term.parameters()
    assert sorted(vectors.shape) == [40, 512]
    assert vectors.std().item() == pytest.approx(spread, rel=0.02)
    assert vectors.mean().item() == pytest.approx(0, abs=0.01)
