"""What every loss must pass: value and gradient against a slow float64 transcription, and hard batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

Reference = Callable[[Tensor, list[int], Any], Tensor]
TOLERANCE = 1e-6


def hard_batches(dims: int = 6) -> Iterator[tuple[str, Tensor, Tensor]]:
    """(name, float64 rows [n, dims], labels [n]): ordinary batches and those that break losses."""
    for seed, classes, images in ((0, 5, 3), (1, 4, 2), (2, 3, 5)):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(classes * images, dims))
        rows *= rng.uniform(0.5, 3, (classes * images, 1))
        yield (
            f"random {seed}",
            torch.from_numpy(rows),
            torch.arange(classes).repeat_interleave(images),
        )
    rng = np.random.default_rng(7)
    rows = torch.from_numpy(rng.normal(size=(11, dims)))
    yield "uneven, shuffled", rows, torch.tensor([2, 0, 1, 0, 4, 2, 2, 0, 3, 1, 0])
    close = torch.from_numpy(rng.normal(size=(5, dims)).repeat(3, axis=0))
    close = close + 0.05 * torch.from_numpy(rng.normal(size=(15, dims)))
    yield "tight classes", close, torch.arange(5).repeat_interleave(3)
    yield "single class", rows[:5], torch.zeros(5, dtype=torch.int64)
    yield "all negative", rows[:5], torch.arange(5)
    yield "two of one class", rows[:2], torch.zeros(2, dtype=torch.int64)
    yield "two of two classes", rows[:2], torch.arange(2)
    twice = torch.cat([rows[:4], 2 * rows[:4], rows[:2]])
    yield "duplicates", twice, torch.tensor([0, 0, 1, 1, 0, 2, 1, 2, 0, 3])


def check_loss(
    make: Callable[[], nn.Module],
    reference: Reference,
    *,
    miner: Any = None,
    gradient_at_duplicates: bool = False,
    finite_differences: bool = True,
) -> None:
    """Value and gradients of a loss against ``reference``, to 1e-6, on every batch above.

    Args:
        make: a fresh loss ``(embeddings, labels[, mined]) -> scalar``, its own parameters included.
        reference: ``(rows float64 [n, d] with gradient, labels, the loss) -> scalar``, in loops and
            plain torch operations; it may read parameters and numbers of the loss, no more.
        miner: as the method's, must be deterministic here.
        gradient_at_duplicates: compare gradients where rows coincide too; not where a formula has
            a corner there (a distance that is not squared, a maximum of equals).
        finite_differences: the gradient is the slope of the value; not where a formula holds a part
            of itself fixed.
    """
    for name, rows, labels in hard_batches():
        torch.manual_seed(0)
        loss = make().double()
        value, gradients = _value_and_gradients(loss, rows, labels, miner)
        own = [p for p in loss.parameters() if p.requires_grad]
        leaf = rows.clone().requires_grad_()
        expected = reference(leaf, labels.tolist(), loss)
        wanted = torch.autograd.grad(expected + 0 * leaf.sum(), [leaf, *own], allow_unused=True)
        assert torch.isfinite(value), name
        assert float(value) == pytest.approx(
            float(expected.detach()), rel=TOLERANCE, abs=TOLERANCE
        ), name
        for found, one in zip(gradients, wanted, strict=True):
            assert torch.isfinite(found).all(), name
            if name != "duplicates" or gradient_at_duplicates:
                target = torch.zeros_like(found) if one is None else one
                torch.testing.assert_close(
                    found, target, rtol=TOLERANCE, atol=TOLERANCE, msg=lambda m, n=name: f"{n}: {m}"
                )
    if finite_differences:
        _check_finite_differences(make, miner)
    _check_degenerate(make, miner)


def _value_and_gradients(
    loss: nn.Module, rows: Tensor, labels: Tensor, miner: Any
) -> tuple[Tensor, list[Tensor]]:
    leaf = rows.clone().requires_grad_()
    arguments = (leaf, labels) if miner is None else (leaf, labels, miner(leaf, labels))
    value = loss(*arguments)
    leaves = [leaf, *(p for p in loss.parameters() if p.requires_grad)]
    # a loss without a triplet must still be something that can be backpropagated
    found = torch.autograd.grad(value, leaves, allow_unused=True)
    filled = [torch.zeros_like(a) if g is None else g for a, g in zip(leaves, found, strict=True)]
    return value.detach(), filled


def _check_finite_differences(make: Callable[[], nn.Module], miner: Any) -> None:
    _, rows, labels = next(hard_batches())
    torch.manual_seed(0)
    loss = make().double()
    _, gradients = _value_and_gradients(loss, rows, labels, miner)
    generator = torch.Generator().manual_seed(5)
    small = 1e-6
    for _ in range(3):
        direction = torch.randn(rows.shape, generator=generator, dtype=rows.dtype)
        ends = [
            _value_and_gradients(loss, rows + sign * small * direction, labels, miner)[0]
            for sign in (1, -1)
        ]
        slope = float(ends[0] - ends[1]) / (2 * small)
        assert float((gradients[0] * direction).sum()) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def _check_degenerate(make: Callable[[], nn.Module], miner: Any) -> None:
    """Zero vectors, equal vectors and tiny or huge lengths: finite values and gradients."""
    labels = torch.arange(4).repeat_interleave(2)
    some = torch.randn(8, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    one_zero = some.clone()
    one_zero[3] = 0
    cases = {
        "a zero vector": one_zero,
        "all zero": torch.zeros_like(some),
        "all equal": some[:1].repeat(8, 1),
        "opposite": torch.cat([some[:4], -some[:4]]),
        "tiny": 1e-6 * some,
        "huge": 1e4 * some,
    }
    for dtype in (torch.float32, torch.float64):
        for name, rows in cases.items():
            torch.manual_seed(0)
            value, gradients = _value_and_gradients(make().to(dtype), rows.to(dtype), labels, miner)
            assert torch.isfinite(value), f"{name}, {dtype}"
            for gradient in gradients:
                assert torch.isfinite(gradient).all(), f"{name}, {dtype}"
