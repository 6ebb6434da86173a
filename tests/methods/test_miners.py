"""Miners: who may be drawn, and how often."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare
from torch import Tensor

from oodml.core.errors import UsageError
from oodml.methods import create_method
from oodml.methods.miners.distance_weighted import DistanceWeighted, draw_one
from oodml.methods.miners.quadruplets import WithFourth
from oodml.methods.miners.rho_regularised import RhoRegularised

MINERS = [DistanceWeighted(), RhoRegularised(0.0), WithFourth(DistanceWeighted())]


def batch(seed: int, dims: int = 4) -> tuple[Tensor, Tensor]:
    """Unit rows of an uneven batch; some classes have one item."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(24, dims))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return torch.from_numpy(rows), torch.from_numpy(rng.integers(0, 6, 24))


def weights_by_formula(
    rows: np.ndarray, labels: np.ndarray, anchor: int, lower: float, upper: float
) -> np.ndarray:
    """Probability of each item as the negative of an anchor, float64 [n]."""
    n, found = rows.shape[1], []
    for j in range(len(rows)):
        d = max(float(np.linalg.norm(rows[anchor] - rows[j])), lower)
        drawn = labels[j] != labels[anchor] and d < upper
        found.append(d ** (2 - n) * (1 - d * d / 4) ** ((3 - n) / 2) if drawn else 0.0)
    if not sum(found):
        found = [float(label != labels[anchor]) for label in labels]
    return np.array(found) / sum(found)


@pytest.mark.parametrize(("lower", "upper"), [(0.5, 1.4), (0.9, 2.0), (0.01, 0.02)])
@pytest.mark.parametrize("dims", [2, 3, 16])
def test_negatives_are_drawn_as_often_as_the_formula_says(
    dims: int, lower: float, upper: float
) -> None:
    rows, labels = batch(3, dims)
    torch.manual_seed(0)
    miner = DistanceWeighted(lower, upper)
    counts, draws = np.zeros((24, 24)), 1000
    for _ in range(draws):
        anchors, _, negatives = miner(rows, labels)
        counts[anchors, negatives] += 1
    for anchor in anchors.tolist():
        expected = draws * weights_by_formula(rows.numpy(), labels.numpy(), anchor, lower, upper)
        assert not counts[anchor][expected == 0].any()
        likely = expected >= 5
        seen = [*counts[anchor][likely], counts[anchor][~likely].sum()]
        wanted = [*expected[likely], expected[~likely].sum()]
        if wanted[-1] < 1:
            seen, wanted = seen[:-1], wanted[:-1]
        if len(seen) > 1:
            total = sum(seen) / sum(wanted)
            assert chisquare(seen, [w * total for w in wanted]).pvalue > 1e-5


def test_positives_are_drawn_alike() -> None:
    rows, _ = batch(0)
    labels = torch.arange(6).repeat_interleave(4)
    torch.manual_seed(0)
    counts = np.zeros((24, 24))
    for _ in range(800):
        anchors, positives, _ = DistanceWeighted()(rows, labels)
        counts[anchors, positives] += 1
    for anchor in range(24):
        assert chisquare(counts[anchor][counts[anchor] > 0]).pvalue > 1e-5
        assert (counts[anchor] > 0).sum() == 3


@pytest.mark.parametrize("miner", MINERS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_triplets_keep_to_their_classes(miner: object, seed: int) -> None:
    rows, labels = batch(seed)
    torch.manual_seed(seed)
    anchors, positives, negatives, *rest = miner(rows, labels)  # type: ignore[operator]
    assert anchors.dtype == positives.dtype == negatives.dtype == torch.int64
    assert not (anchors == positives).any()
    assert (labels[anchors] == labels[positives]).all()
    assert (labels[anchors] != labels[negatives]).all()
    counts = torch.bincount(labels)
    assert anchors.tolist() == [i for i in range(24) if counts[labels[i]] > 1]
    for fourths in rest:
        assert (labels[fourths] != labels[anchors]).all()
        assert (labels[fourths] != labels[negatives]).all()


@pytest.mark.parametrize("labels", [[0] * 24, list(range(24))])
@pytest.mark.parametrize("miner", [*MINERS, RhoRegularised(1.0)])
def test_without_a_positive_or_a_negative_there_is_no_triplet(
    miner: object, labels: list[int]
) -> None:
    found = miner(batch(0)[0], torch.tensor(labels))  # type: ignore[operator]
    assert [len(index) for index in found] == [0] * len(found)
    assert all(index.dtype == torch.int64 for index in found)


def test_a_share_of_the_triplets_is_switched() -> None:
    rows, _ = batch(5)
    labels = torch.arange(6).repeat_interleave(4)
    torch.manual_seed(0)
    switched, total = 0, 0
    for _ in range(200):
        anchors, positives, negatives = RhoRegularised(0.4)(rows, labels)
        pushes = labels[anchors] == labels[negatives]
        assert torch.equal(pushes, anchors == positives)
        assert not (anchors == negatives).any()
        switched, total = switched + int(pushes.sum()), total + len(pushes)
    assert binomtest(switched, total, 0.4).pvalue > 1e-4
    always = RhoRegularised(1.0)(rows, labels)
    assert torch.equal(always[0], always[1])
    assert torch.equal(labels[always[0]], labels[always[2]])


def test_a_fourth_of_two_classes_is_none() -> None:
    rows, _ = batch(1)
    *_, fourths = WithFourth(DistanceWeighted())(rows, torch.arange(2).repeat_interleave(12))
    assert fourths.tolist() == [-1] * 24


def test_draws_come_from_torchs_generator_and_lengths_do_not_matter() -> None:
    rows, labels = batch(2)
    for other in (rows, 7 * rows, rows.float()):
        torch.manual_seed(11)
        first = RhoRegularised(0.3)(rows.float(), labels)
        torch.manual_seed(11)
        again = RhoRegularised(0.3)(other.float(), labels)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_zero_and_diverged_rows_give_triplets(value: float) -> None:
    labels = torch.arange(6).repeat_interleave(4)
    anchors, positives, negatives = DistanceWeighted()(torch.full((24, 4), value), labels)
    assert len(anchors) == 24
    assert (labels[anchors] == labels[positives]).all()
    assert (labels[anchors] != labels[negatives]).all() or math.isnan(value)


def test_half_precision_is_no_obstacle() -> None:
    rows, labels = batch(4)
    anchors, _, negatives = DistanceWeighted()(rows.half(), labels)
    assert (labels[anchors] != labels[negatives]).all()


def test_nothing_allowed_gives_index_zero() -> None:
    allowed = torch.tensor([[False, False], [False, True]])
    assert draw_one(torch.zeros(2, 2), allowed).tolist() == [0, 1]


def test_bad_values_are_refused() -> None:
    for lower, upper in ((0.0, 1.0), (1.0, 1.0), (1.4, 0.5)):
        with pytest.raises(UsageError, match="0 < lower < upper"):
            DistanceWeighted(lower, upper)
    with pytest.raises(UsageError, match="share from 0 to 1"):
        RhoRegularised(1.5)
    with pytest.raises(UsageError, match="upper_cutoff"):
        create_method("margin", upper_cutoff=0.4)


def test_a_method_switches_where_it_says() -> None:
    assert isinstance(create_method("margin").miner(), DistanceWeighted)  # type: ignore[attr-defined]
    found = create_method("r-margin").miner()  # type: ignore[attr-defined]
    assert isinstance(found, RhoRegularised)
    assert found.probability == 0.4
    assert create_method("contrastive", pairs="all").miner() is None  # type: ignore[attr-defined]
