"""Unit rows, products and the losses with gradients of their own: against autograd through torch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import oodml
from oodml.methods.terms.multi_similarity import MultiSimilarityLoss
from oodml.methods.terms.unit import products, unit_rows


def rows_of(seed: int = 0, *, tiny: bool = True) -> Tensor:
    """Double rows [9, 5], one of them zero and one shorter than the least norm."""
    rows = torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    if tiny:
        rows[2] = 0
        rows[4] *= 1e-14
    return rows


def gradient(function, rows: Tensor, weights: Tensor) -> Tensor:
    leaf = rows.clone().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf, weights)[0]


def test_unit_rows_are_torchs() -> None:
    rows, weights = rows_of(), rows_of(1)
    assert torch.equal(unit_rows(rows), F.normalize(rows, dim=1))
    assert torch.equal(unit_rows(rows.float()), F.normalize(rows.float(), dim=1))
    assert unit_rows(rows.half()).dtype == torch.float32
    found = gradient(unit_rows, rows, weights)
    torch.testing.assert_close(found, gradient(lambda one: F.normalize(one, dim=1), rows, weights))
    torch.autograd.gradcheck(unit_rows, rows_of(2, tiny=False).requires_grad_())


def test_products_are_those_of_all_rows() -> None:
    rows = rows_of(3)
    weights = torch.randn(9, 9, dtype=torch.float64)
    assert torch.equal(products(rows), rows @ rows.T)
    found = gradient(products, rows, weights)
    torch.testing.assert_close(found, gradient(lambda one: one @ one.T, rows, weights))


@pytest.mark.parametrize("make", [unit_rows, products, oodml.SphericalConstraint()])
def test_a_second_derivative_is_refused(make) -> None:
    value = make(rows_of(tiny=False).requires_grad_()).sum()
    with pytest.raises(RuntimeError, match="first derivative only"):
        value.backward(create_graph=True)


@pytest.mark.parametrize("scales", [(2.0, 40.0), (1000.0, 1000.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_multi_similarity_with_large_scales(scales: tuple[float, float], dtype) -> None:
    """Exponents of hundreds: the sums neither overflow nor lose what is kept."""
    rows, labels = rows_of(4, tiny=False).to(dtype), torch.tensor([0, 0, 1, 1, 1, 2, 2, 3, 3])
    alpha, beta = scales
    loss = MultiSimilarityLoss(alpha, beta)

    def plain(leaf: Tensor) -> Tensor:
        unit = F.normalize(leaf.double(), dim=1)
        cosines = unit @ unit.T
        same = labels[:, None] == labels
        positive, negative = same & ~torch.eye(9, dtype=torch.bool), ~same
        hardest = cosines.masked_fill(~negative, -2).amax(dim=1, keepdim=True)
        easiest = cosines.masked_fill(~positive, 2).amin(dim=1, keepdim=True)
        zero = torch.zeros(9, 1, dtype=torch.float64)
        value = zero[:, 0]
        for sign, scale, kept in (
            (-1, alpha, positive & (cosines - 0.1 < hardest)),
            (1, beta, negative & (cosines + 0.1 > easiest)),
        ):
            exponents = (sign * scale * (cosines - 0.5)).masked_fill(~kept, -torch.inf)
            value = value + torch.cat([exponents, zero], dim=1).logsumexp(dim=1) / scale
        return value.mean()

    tolerance = 1e-3 if dtype == torch.float32 else 1e-9  # rounding of cosines, times the scale
    found, one = loss(rows, labels), torch.ones((), dtype=dtype)
    assert found.item() == pytest.approx(plain(rows).item(), rel=tolerance)
    wanted = gradient(plain, rows, one.double())
    torch.testing.assert_close(
        gradient(lambda leaf: loss(leaf, labels), rows, one), wanted, rtol=tolerance, atol=tolerance
    )


def test_multi_similarity_where_nothing_is_kept_is_zero() -> None:
    rows = torch.eye(3, dtype=torch.float64).repeat_interleave(2, dim=0)  # classes at right angles
    labels = torch.arange(3).repeat_interleave(2)
    for alpha in (2.0, 5000.0):
        leaf = (-rows).clone().requires_grad_()
        value = MultiSimilarityLoss(alpha, alpha, base=2.0)(leaf, labels)
        value.backward()
        assert value.item() == 0
        assert not leaf.grad.any()
