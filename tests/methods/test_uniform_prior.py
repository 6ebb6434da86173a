"""Uniform prior: both losses, the adversary's schedule and its optimiser, against plain float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from steps import random_rows, step_of
from torch import Tensor

from oodml.methods import Dims, create_method
from oodml.methods.wrappers.uniform_prior import UniformAdversary

ROWS, WIDTH, CHUNK = 6, 7, 3
LABELS = torch.arange(ROWS) // 2


def adversary(on: str = "features", every: int = 1, lr: float = 0.01) -> UniformAdversary:
    torch.manual_seed(3)
    return UniformAdversary(on, WIDTH, CHUNK, 4, 0.7, every, lr).double()


def judged(term: UniformAdversary, piece: Tensor) -> Tensor:
    """Probability that a piece is a draw, of the three layers one by one."""
    first, second, third = (term.discriminator[i] for i in (0, 2, 4))
    hidden = torch.clamp(first.weight @ piece + first.bias, min=0)
    hidden = torch.clamp(second.weight @ hidden + second.bias, min=0)
    return 1 / (1 + torch.exp(-(third.weight @ hidden + third.bias)[0]))


def pieces_of(rows: Tensor) -> list[Tensor]:
    return [row[start : start + CHUNK] for row in rows for start in (0, CHUNK)]  # the 7th is left


@pytest.mark.parametrize("on", ["features", "embedding"])
def test_rows_learn_to_pass_for_draws(on: str) -> None:
    term = adversary(on)
    rows = random_rows(1, ROWS, WIDTH).requires_grad_()
    other = random_rows(2, ROWS, WIDTH)
    features, embedding = (rows, other) if on == "features" else (other, rows)
    step = step_of(other, LABELS, features=features, heads={"embedding": embedding})
    expected = 0.7 * torch.stack([-torch.log(judged(term, p)) for p in pieces_of(rows)]).mean()
    (wanted,) = torch.autograd.grad(expected, rows)
    found = term(step)
    found.backward()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(rows.grad, wanted, rtol=1e-9, atol=1e-12)
    assert not rows.grad[:, 6].any(), "columns that fill no piece are not seen"
    assert all(p.grad is None for p in term.discriminator.parameters())
    assert term.groups() == []


def adam(values: list[Tensor], gradients: list[list[Tensor]], lr: float) -> list[Tensor]:
    """Adam with betas 0.5 and 0.999, written out."""
    found = []
    for place, value in enumerate(values):
        first, second, new = torch.zeros_like(value), torch.zeros_like(value), value.clone()
        for t, gradient in enumerate((one[place] for one in gradients), start=1):
            first = 0.5 * first + 0.5 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            root = torch.sqrt(second / (1 - 0.999**t)) + 1e-8
            new = new - lr * first / (1 - 0.5**t) / root
        found.append(new)
    return found


def test_the_discriminator_learns_to_tell_rows_from_draws() -> None:
    term = adversary(lr=0.01)
    start = [p.detach().clone() for p in term.discriminator.parameters()]
    gradients = []
    for number in range(2):
        rows = random_rows(10 + number, ROWS, WIDTH).requires_grad_()
        torch.manual_seed(number)
        prior = torch.rand(2 * ROWS, CHUNK, dtype=torch.float64) * 2 - 1
        real = torch.stack([-torch.log(judged(term, p)) for p in prior]).mean()
        false = torch.stack([-torch.log(1 - judged(term, p)) for p in pieces_of(rows)]).mean()
        gradients.append(
            [*torch.autograd.grad(real + false, list(term.discriminator.parameters()))]
        )
        torch.manual_seed(number)
        term.before_update(step_of(rows, LABELS, number=number))
        assert rows.grad is None
    for found, wanted in zip(
        term.discriminator.parameters(), adam(start, gradients, 0.01), strict=True
    ):
        torch.testing.assert_close(found.detach(), wanted, rtol=1e-9, atol=1e-12)


def test_the_discriminator_moves_in_every_nth_step() -> None:
    term = adversary(every=3)
    moved = []
    for number in range(8):
        before = term.discriminator[0].weight.detach().clone()
        term.before_update(step_of(random_rows(number, ROWS, WIDTH), LABELS, number=number))
        moved.append(not torch.equal(before, term.discriminator[0].weight))
    assert moved == [True, False, False, True, False, False, True, False]


def test_the_optimiser_travels_in_the_state() -> None:
    term, other = adversary(), adversary()
    steps = [step_of(random_rows(n, ROWS, WIDTH), LABELS, number=n) for n in range(4)]
    for step in steps[:2]:
        term.before_update(step)
    other.load_state_dict(term.state_dict())
    for one in (term, other):
        torch.manual_seed(5)
        for step in steps[2:]:
            one.before_update(step)
    for a, b in zip(term.discriminator.parameters(), other.discriminator.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e4])
def test_extreme_rows_give_finite_values(scale: float) -> None:
    for dtype in (torch.float16, torch.float32):
        rows = (scale * random_rows(1, ROWS, WIDTH)).to(dtype).requires_grad_()
        term = adversary().float()
        step = step_of(rows, LABELS)
        term.before_update(step)
        loss = term(step)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(rows.grad).all()
        assert 0 <= term.observed(step)["taken_for_uniform"] <= 1


@pytest.mark.parametrize(
    ("options", "width", "needs"),
    [({}, 256, {"trunk"}), ({"on": "embedding"}, 64, set())],
)
def test_features_need_a_trunk_and_pieces_fit_the_rows(
    options: dict[str, Any], width: int, needs: set[str]
) -> None:
    method = create_method("uniform-prior-triplet", **options)
    assert method.needs == needs
    term = method.terms(Dims(256, 64, 5))["uniform-prior/adversary"]
    assert term.discriminator[0].in_features == min(128, width)


def test_its_name_alone_is_oodmls_run() -> None:
    method = create_method("uniform-prior")
    assert method == create_method("uniform-prior-margin")
    assert method.key == create_method("margin", regularizers=[{"uniform-prior": {}}]).key
    chosen = method.hyper_parameters
    names = ("weight", "every", "latent", "chunk", "learning_rate")
    assert [chosen[f"uniform_prior_{n}"] for n in names] == [0.2, 10, 100, 128, 1e-5]
    assert chosen["beta"] == 1.2
