"""Losses over sets of a batch: against transcriptions of their formulas in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from loss_checks import check_loss
from pytorch_metric_learning import losses as library
from torch import Tensor, nn

from oodml.methods import Dims, Step, create_method
from oodml.methods.builtin.circle import CircleLoss
from oodml.methods.builtin.prototypical import nearness
from oodml.methods.builtin.supcon import SupConLoss
from oodml.methods.terms.nt_xent import NTXentLoss


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a / a.square().sum().sqrt() * b / b.square().sum().sqrt()).sum()


def positives(labels: list[int], anchor: int) -> list[int]:
    return [j for j, one in enumerate(labels) if one == labels[anchor] and j != anchor]


def negatives(labels: list[int], anchor: int) -> list[int]:
    return [j for j, one in enumerate(labels) if one != labels[anchor]]


def mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean() if values else torch.zeros((), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_supcon(temperature: float) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for i in range(len(rows)):
            others = [j for j in range(len(rows)) if j != i]
            total = torch.stack([(cosine(rows[i], rows[j]) / temperature).exp() for j in others])
            shares = [
                ((cosine(rows[i], rows[j]) / temperature).exp() / total.sum()).log()
                for j in positives(labels, i)
            ]
            if shares:
                values.append(-mean(shares))
        return mean(values)

    check_loss(lambda: SupConLoss(temperature), reference, gradient_at_duplicates=True)


@pytest.mark.parametrize(("margin", "gamma"), [(0.4, 80.0), (0.25, 256.0), (0.0, 1.0)])
def test_circle(margin: float, gamma: float) -> None:
    def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
        values = []
        for i in range(len(rows)):
            pull, push = [], []
            for j in positives(labels, i):
                s = cosine(rows[i], rows[j])
                pull.append(-gamma * max(0.0, 1 + margin - float(s.detach())) * (s - (1 - margin)))
            for j in negatives(labels, i):
                s = cosine(rows[i], rows[j])
                push.append(gamma * max(0.0, float(s.detach()) + margin) * (s - margin))
            if pull and push:
                pairs = [a + b for a in pull for b in push]  # the product of both sums
                zero = torch.zeros((), dtype=torch.float64)
                values.append(torch.stack([zero, *pairs]).logsumexp(0))
        return mean(values)

    # the weights of the pairs are held fixed, so the gradient is not the value's slope
    check_loss(
        lambda: CircleLoss(margin, gamma),
        reference,
        gradient_at_duplicates=True,
        finite_differences=False,
    )


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent(temperature: float) -> None:
    def reference(rows: Tensor, items: list[int], loss: Any) -> Tensor:
        values = []
        for i in range(len(rows)):
            against = [(cosine(rows[i], rows[j]) / temperature).exp() for j in negatives(items, i)]
            for j in positives(items, i):
                near = (cosine(rows[i], rows[j]) / temperature).exp()
                values.append(-(near / (near + sum(against))).log())
        return mean(values)

    check_loss(lambda: NTXentLoss(temperature), reference, gradient_at_duplicates=True)


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (SupConLoss(0.1), library.SupConLoss(temperature=0.1)),
        (CircleLoss(0.4, 80.0), library.CircleLoss(m=0.4, gamma=80)),
        (NTXentLoss(0.5), library.NTXentLoss(temperature=0.5)),
    ],
    ids=["supcon", "circle", "nt-xent"],
)
def test_own_code_is_the_librarys_on_ordinary_batches(own: nn.Module, theirs: nn.Module) -> None:
    rows = torch.randn(24, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(6).repeat(4)
    assert own(rows, labels).item() == pytest.approx(theirs(rows, labels).item(), rel=1e-9)


class TestPrototypical:
    """The loss module of a term that needs roles: the first of two is support, the other query."""

    class Loss(nn.Module):
        def forward(self, rows: Tensor, labels: Tensor) -> Tensor:
            (term,) = create_method("prototypical").terms(Dims(6, 6, 5)).values()
            order = labels.argsort(stable=True)
            _, counts = labels.unique(return_counts=True)
            place = torch.cat([torch.arange(int(count)) for count in counts])
            support = torch.zeros(len(rows), dtype=torch.bool)
            # at least one support item a class; a class of one item has no query
            support[order] = place < ((counts + 1) // 2).repeat_interleave(counts)
            value: Tensor = term(step_with(rows, labels, support))
            return value

    def test_it_is_softmax_over_squared_distances(self) -> None:
        def reference(rows: Tensor, labels: list[int], loss: Any) -> Tensor:
            support, queries = {}, []
            for c in sorted(set(labels)):
                own = [i for i, one in enumerate(labels) if one == c]
                half = (len(own) + 1) // 2
                support[c] = torch.stack([rows[i] for i in own[:half]]).mean(dim=0)
                queries += [(i, c) for i in own[half:]]
            values = []
            for i, c in queries:
                scores = {k: -(rows[i] - p).square().sum() for k, p in support.items()}
                values.append(torch.stack(list(scores.values())).logsumexp(0) - scores[c])
            return mean(values)

        check_loss(self.Loss, reference, gradient_at_duplicates=True)

    @pytest.mark.parametrize("offset", [0.0, 30.0, 1000.0])
    def test_nothing_is_lost_far_from_the_origin(self, offset: float) -> None:
        rng = np.random.default_rng(0)
        rows = (rng.normal(size=(40, 16)) + offset).astype(np.float32)
        queries, prototypes = rows[:30], rows[30:]
        exact = -((queries[:, None].astype(np.float64) - prototypes[None]) ** 2)
        expected = exact.sum(axis=2)
        found = nearness(torch.from_numpy(queries), torch.from_numpy(prototypes)).numpy()
        difference = found - expected
        # but for a constant of each row, to the float32 precision of the rows themselves
        spread = difference - difference.mean(axis=1, keepdims=True)
        assert np.abs(spread).max() < 1e-4 * max(1.0, offset / 30)

    def test_no_table_of_all_differences_is_made(self) -> None:
        """Queries x prototypes x columns would be 2 GiB here."""
        queries, prototypes = torch.randn(512, 2048), torch.randn(512, 2048)
        assert nearness(queries, prototypes).shape == (512, 512)


def step_with(rows: Tensor, labels: Tensor, support: Tensor) -> Step:
    items = torch.arange(len(rows))
    return Step(
        number=0,
        labels=labels,
        items=items,
        views=torch.zeros_like(items),
        support=support,
        inputs=rows,
        features=rows,
        heads={"embedding": rows},
    )
