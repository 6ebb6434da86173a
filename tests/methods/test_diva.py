"""DiVA: its triplets, queue, slow copy and adversaries against plain float64 transcriptions."""

from __future__ import annotations

import copy
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from steps import random_rows, step_of
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods import Dims, Step, Term, create_method
from oodml.methods.builtin.diva import DiVA
from oodml.methods.heads.branches import BranchHead
from oodml.methods.miners.within_and_across import AcrossClasses, WithinClass
from oodml.methods.term import LossTerm, Scaled
from oodml.methods.terms.decorrelation import Decorrelation
from oodml.methods.terms.momentum_contrast import (
    MomentumContrast,
    distance_shares,
    random_crops,
)

LABELS = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2, 3])
DIMS = Dims(features=6, embedding=17, classes=4)  # branches of 5, 4, 4 and 4 columns


def unit(row: Tensor) -> Tensor:
    return row / torch.sqrt((row * row).sum())


class TestTriplets:
    def test_across_are_of_three_classes(self) -> None:
        rows = random_rows(0, len(LABELS), 4)
        pairs = Counter[tuple[int, int]]()
        for seed in range(300):
            torch.manual_seed(seed)
            a, p, n = AcrossClasses()(rows, LABELS)
            assert a.tolist() == list(range(len(LABELS)))
            for x, y in ((a, p), (a, n), (p, n)):
                assert (LABELS[x] != LABELS[y]).all()
            pairs.update(zip(a.tolist(), p.tolist(), strict=True))
        drawn = [pairs[0, j] for j in range(3, len(LABELS))]  # any item of another class, alike
        assert sum(drawn) == 300
        assert min(drawn) > 20

    def test_negatives_across_are_drawn_by_their_distance(self) -> None:
        rows = torch.tensor(
            [[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0.9, 0.5, 0, 0, 0], [0.3, 1, 0, 0, 0]],
            dtype=torch.float64,
        )
        labels = torch.tensor([0, 1, 2, 2])
        counts = Counter[int]()
        for seed in range(2000):
            torch.manual_seed(seed)
            a, p, n = AcrossClasses()(rows, labels)
            if p[0] == 1:
                counts[int(n[a == 0])] += 1
        weights = []
        for j in (2, 3):
            d = max(float(torch.sqrt((unit(rows[0]) - unit(rows[j])).square().sum())), 0.5)
            weights.append(
                1 / (d**3 * (1 - d * d / 4) ** 1)
            )  # n = 5: d^(n-2) (1 - d^2/4)^((n-3)/2)
        total = counts[2] + counts[3]
        assert total == sum(counts.values())
        assert counts[2] / total == pytest.approx(weights[0] / sum(weights), abs=0.05)

    def test_across_needs_three_classes(self) -> None:
        for labels in (torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.int64)):
            assert all(len(part) == 0 for part in AcrossClasses()(random_rows(0, 4, 3), labels))

    def test_within_are_of_one_class(self) -> None:
        triplets = Counter[tuple[int, int, int]]()
        for seed in range(300):
            torch.manual_seed(seed)
            a, p, n = WithinClass()(random_rows(0, len(LABELS), 4), LABELS)
            assert a.tolist() == list(range(9)), "the last item is alone in its class"
            for x in (p, n):
                assert (LABELS[a] == LABELS[x]).all()
                assert (a != x).all()
            three = LABELS[a] < 2
            assert (p != n)[three].all()
            assert (p == n)[~three].all(), "of two items the other is both"
            triplets.update(zip(a.tolist(), p.tolist(), n.tolist(), strict=True))
        first = [triplets[0, 1, 2], triplets[0, 2, 1]]
        assert sum(first) == 300
        assert min(first) > 110
        of_four = [c for (a, _, _), c in triplets.items() if a == 3]
        assert len(of_four) == 6
        assert min(of_four) > 20

    @pytest.mark.parametrize("miner", [AcrossClasses(), WithinClass()])
    @pytest.mark.parametrize("value", [0.0, float("nan")])
    def test_degenerate_rows_are_drawn_from_all_the_same(self, miner: Any, value: float) -> None:
        a, p, n = miner(torch.full((len(LABELS), 4), value), LABELS)
        assert len(a) == len(p) == len(n) >= 9


def terms_of(**options: Any) -> dict[str, Term]:
    torch.manual_seed(0)
    return {n: t.double() for n, t in create_method("diva", **options).terms(DIMS).items()}


def heads_of(seed: int, n: int = len(LABELS)) -> dict[str, Tensor]:
    widths = {"discriminative": 5, "shared": 4, "intra": 4, "contrast": 4}
    found = {k: random_rows(seed + i, n, w) for i, (k, w) in enumerate(widths.items())}
    return {name: rows.requires_grad_() for name, rows in found.items()}


def margin_reference(rows: Tensor, boundaries: Tensor, triplets: list[list[int]]) -> Tensor:
    total, active = torch.zeros((), dtype=torch.float64), 0
    for a, p, n in triplets:
        near, far = (torch.sqrt((unit(rows[a]) - unit(rows[x])).square().sum()) for x in (p, n))
        b = boundaries[LABELS[a]]
        value = torch.clamp(near - b + 0.2, min=0) + torch.clamp(b - far + 0.2, min=0)
        total, active = total + value, active + int(value > 0)
    return total / active


@pytest.mark.parametrize(
    ("name", "weight"), [("discriminative", 1.0), ("shared", 0.4), ("intra", 0.4)]
)
def test_each_task_is_a_margin_loss_on_triplets_of_its_own(name: str, weight: float) -> None:
    term = terms_of(alpha=0.4)[name]
    inner = term.term if isinstance(term, Scaled) else term
    assert isinstance(inner, LossTerm)
    assert inner.head == name
    heads = heads_of(4)
    torch.manual_seed(8)
    drawn = inner.miner(heads[name], LABELS)
    triplets = torch.stack(drawn, dim=1).tolist()
    boundaries = inner.loss.boundaries
    assert boundaries.tolist() == pytest.approx([1.2] * 4)
    (group,) = term.groups()
    assert group.factor == 50.0
    expected = weight * margin_reference(heads[name], boundaries, triplets)
    wanted = torch.autograd.grad(expected, [heads[name], boundaries])
    torch.manual_seed(8)
    found = term(step_of(random_rows(1, len(LABELS), 6), LABELS, heads=heads))
    got = torch.autograd.grad(found, [heads[name], boundaries])
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
    for one, two in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-8)


def test_no_two_tasks_share_boundaries() -> None:
    terms = terms_of()
    learned = [p for t in terms.values() for g in t.groups() for p in g.parameters]
    assert len({id(p) for p in learned}) == len(learned)
    names = [k for n, t in terms.items() for k, _ in t.named_parameters() if "boundaries" in k]
    assert len(names) == 3


def shares_reference(queries: Tensor, keys: Tensor) -> Tensor:
    n, m, dims = len(queries), len(keys), queries.shape[1]
    found = torch.zeros(n, m, dtype=torch.float64)
    for j in range(m):
        weights = []
        for i in range(n):
            d = float(torch.sqrt((queries[i] - keys[j]).square().sum()))
            density = max(d, 0.5) ** (dims - 2) * (1 - max(d, 0.5) ** 2 / 4) ** ((dims - 3) / 2)
            weights.append(0.0 if d > 1.4 else 1 / density)
        for i in range(n):
            found[i, j] = weights[i] / sum(weights) if sum(weights) else 1 / n
    return found


def test_a_key_weighs_by_its_distance_from_each_query() -> None:
    queries = torch.stack([unit(r) for r in random_rows(3, 6, 5)])
    keys = torch.stack([unit(r) for r in random_rows(4, 9, 5)])
    opposite = -queries.mean(dim=0)
    queries = torch.stack([unit(q + 3 * queries.mean(dim=0)) for q in queries])
    keys = torch.cat([keys, unit(opposite)[None], queries[:1]])
    found = distance_shares(queries @ keys.T, 5, 0.5, 1.4)
    torch.testing.assert_close(found, shares_reference(queries, keys), rtol=1e-8, atol=1e-12)
    assert found[:, 9].tolist() == pytest.approx([1 / 6] * 6), "beyond the cutoff for all"
    torch.testing.assert_close(found.sum(dim=0), torch.ones(11, dtype=torch.float64))
    assert distance_shares(torch.zeros(6, 0), 5, 0.5, 1.4).shape == (6, 0)


def model_of(trunk: nn.Module, length: float = 0.0) -> Any:
    torch.manual_seed(2)
    head = BranchHead(6, 17, dict.fromkeys(("discriminative", "shared", "intra", "contrast"), 1.0))
    return SimpleNamespace(trunk=trunk.double(), head=head.double(), input_length=length)


def contrast(queue: int = 11, **options: Any) -> MomentumContrast:
    chosen: dict[str, Any] = {"momentum": 0.75, "temperature": 0.3, **options}
    return MomentumContrast(6, 4, "contrast", queue=queue, **chosen).double()


def move(model: Any, seed: int) -> None:
    """What an optimiser would do."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in (model.trunk, model.head):
            for p in module.parameters():
                p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype), alpha=0.1)


def contrast_step(model: Any, seed: int, rows: int = 4) -> Step:
    inputs = random_rows(seed, rows, 6)
    features = model.trunk(inputs)
    if model.input_length:
        features = model.input_length * nn.functional.normalize(features, dim=1)
    labels = torch.zeros(rows, dtype=torch.int64)
    heads = model.head(features)
    return step_of(inputs, labels, number=seed, features=features, heads=heads)


@pytest.mark.parametrize("length", [0.0, 3.0])
@pytest.mark.parametrize("trunk", [nn.Identity(), nn.Linear(6, 6)])
def test_queue_and_slow_copy_step_by_step(trunk: nn.Module, length: float) -> None:
    model, term = model_of(copy.deepcopy(trunk), length), contrast()
    term.start(model)
    slow_trunk, slow = copy.deepcopy(model.trunk), copy.deepcopy(model.head.branches["contrast"])
    queue: list[Tensor] = []
    for number in range(6):  # the queue of 11 is full in the third, and wraps
        step = contrast_step(model, number)
        features = slow_trunk(step.inputs).detach()
        if length:
            features = torch.stack([length * unit(row) for row in features])
        keys = [unit(slow(row)).detach() for row in features]
        u = torch.stack([unit(row) for row in step.heads["contrast"]])
        expected = torch.zeros((), dtype=torch.float64)
        w = shares_reference(u.detach(), torch.stack(queue)) if queue else torch.zeros(4, 0)
        for i in range(4):
            own = torch.exp(u[i] @ keys[i] / 0.3)
            rest = sum(torch.exp(w[i, j] * (u[i] @ q) / 0.3) for j, q in enumerate(queue))
            expected = expected - torch.log(own / (own + rest)) / 4
        found = term(step)
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
        branch = step.heads["contrast"]
        got, wanted = (
            torch.autograd.grad(value, branch, retain_graph=True)[0] for value in (found, expected)
        )
        torch.testing.assert_close(got, wanted, rtol=1e-7, atol=1e-10)
        move(model, number)
        term.after_update(model, step)
        queue = [*queue, *keys][-11:]
        with torch.no_grad():
            pairs = [(slow, model.head.branches["contrast"]), (slow_trunk, model.trunk)]
            for follower, leader in pairs:
                for a, b in zip(follower.parameters(), leader.parameters(), strict=True):
                    a.copy_(0.75 * a + 0.25 * b)
    assert int(term.filled) == 24
    held = {tuple(row) for row in term.keys.numpy().round(9)}
    assert held == {tuple(row.numpy().round(9)) for row in queue}


def test_a_batch_that_is_larger_than_the_queue_leaves_its_last_keys() -> None:
    model, term = model_of(nn.Identity()), contrast(queue=3)
    term.start(model)
    step = contrast_step(model, 1, rows=8)
    keys = nn.functional.normalize(model.head.branches["contrast"](step.features), dim=1).detach()
    term.after_update(model, step)
    held = sorted(map(tuple, term.keys.numpy().round(9)))
    assert held == sorted(map(tuple, keys[-3:].numpy().round(9)))
    assert int(term.filled) == 8


class Normed(nn.Module):
    """A trunk whose batch norm learns and whose dropout draws."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))

    def forward(self, rows: Tensor) -> Tensor:
        found: Tensor = self.layers(rows)
        return found


def test_the_slow_trunk_is_not_trained_and_travels_in_the_state() -> None:
    model, term = model_of(Normed()), contrast()
    model.trunk.train()
    term.train()
    term.start(model)
    (slow,) = term._trunk
    for number in range(2):
        step = contrast_step(model, number)
        term(step)
        move(model, number)
        term.after_update(model, step)
    assert term.groups() == []
    assert not slow.training
    term.train()
    assert not slow.training
    assert not any(p.requires_grad for p in slow.parameters())
    assert len(list(term.parameters())) == 2, "the follower of the branch alone"
    assert torch.equal(slow.layers[1].running_mean, model.trunk.layers[1].running_mean)
    state = copy.deepcopy(term.state_dict())
    again = contrast()
    again.load_state_dict(state)  # as a run that is continued does: before it starts
    torch.testing.assert_close(again.state_dict(), state)
    again.start(model)
    for one, two in zip(slow.parameters(), again._trunk[0].parameters(), strict=True):
        assert torch.equal(one, two)
    step = contrast_step(model, 9)
    assert torch.equal(term(step), again(step))


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_the_slow_trunk_computes_in_the_precision_of_the_trunk(half: torch.dtype) -> None:
    seen: list[torch.dtype] = []

    class Noted(nn.Linear):
        def forward(self, rows: Tensor) -> Tensor:
            found = super().forward(rows)
            seen.append(found.dtype)
            return found

    model, term = model_of(Noted(6, 6)), contrast().float()
    model.trunk, model.head = model.trunk.float(), model.head.float()
    term.start(model)
    for number in range(2):
        inputs = random_rows(number, 4, 6).float()
        with torch.autocast("cpu", dtype=half):
            features = model.trunk(inputs)
            heads = model.head(features)
        step = step_of(inputs, LABELS[:4], number=number, features=features, heads=heads)
        loss = term(step)
        loss.backward()
        assert loss.dtype == torch.float32
        assert torch.isfinite(loss)
        term.after_update(model, step)
    assert seen == [half] * 4  # once the trunk and once its copy, in each step


def test_where_keys_come_from_decides_what_is_needed() -> None:
    assert create_method("diva").needs == {"inputs"}
    assert create_method("diva", slow_trunk=False).needs == set()
    model, term = model_of(nn.Linear(6, 6)), contrast(copy_trunk=False)
    term.start(model)
    assert term._trunk == []
    assert term.get_extra_state() == {}


def test_crops_are_windows_of_the_image() -> None:
    ramp = torch.linspace(0, 1, 16)
    images = torch.stack([ramp.expand(16, 16), ramp[:, None].expand(16, 16)])
    images = images.expand(50, 2, 16, 16).double()
    torch.manual_seed(0)
    crops = random_crops(images, 0.25)
    assert crops.shape == images.shape
    assert crops.min() >= 0
    assert crops.max() <= 1 + 1e-9
    inner = crops[:, 0, 8, 13] - crops[:, 0, 8, 2]
    sides = inner / (images[0, 0, 8, 13] - images[0, 0, 8, 2])  # a ramp's slope shows the window
    area = sides.square()
    assert 0.24 < area.min() < 0.35
    assert 0.9 < area.max() <= 1 + 1e-6
    torch.testing.assert_close(random_crops(images, 1.0), images)


def test_adversaries_learn_to_agree_and_branches_to_make_them_fail() -> None:
    torch.manual_seed(1)
    term = Decorrelation("a", "b", 4, 5, weight=2.0, hidden=7).double()
    heads = {"a": random_rows(1, 6, 4).requires_grad_(), "b": random_rows(2, 6, 5).requires_grad_()}
    step = step_of(torch.zeros(6, 1), torch.zeros(6, dtype=torch.int64), heads=heads)
    first, last = term.map[0], term.map[2]
    expected = torch.zeros((), dtype=torch.float64)
    for a, b in zip(heads["a"], heads["b"], strict=True):
        hidden = torch.clamp(first.weight @ unit(b) + first.bias, min=0)
        reached = unit(last.weight @ hidden + last.bias)
        expected = expected - 2.0 * (unit(a) * reached).square().sum() / (6 * 4)
    found = term(step)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    maps, branches = list(term.parameters()), list(heads.values())
    assert first.out_features == 7
    got, wanted = (torch.autograd.grad(one, maps + branches) for one in (found, expected))
    for place, (one, two) in enumerate(zip(got, wanted, strict=True)):
        sign = 1 if place < len(maps) else -1  # the gradient reaches the branches reversed
        torch.testing.assert_close(one, sign * two, rtol=1e-8, atol=1e-11)


def test_the_embedding_is_the_weighted_concatenation_of_unit_branches() -> None:
    torch.manual_seed(0)
    head = create_method("diva").head(DIMS).double()
    features = random_rows(0, 3, 6)
    heads = head(features)
    for row in range(3):
        parts = [w * unit(heads[n][row]) for n, w in head.weights.items()]
        torch.testing.assert_close(heads["embedding"][row], torch.cat(parts))
    assert list(head.weights.values()) == [0.75, 1.25, 1.25, 1.25]


def test_it_is_oodmls_run() -> None:
    method = create_method("diva")
    assert isinstance(method, DiVA)
    expected = {"margin": 0.2, "beta": 1.2, "alpha": 0.3, "decorrelation": 1500.0, "queue": 3240}
    expected |= {"momentum": 0.9, "temperature": 0.01, "images_per_class": 2}
    assert expected.items() <= method.hyper_parameters.items()
    terms = method.terms(Dims(2048, 512, 100))
    assert terms["contrast"].term.cutoffs == (0.5, 1.4)
    assert terms["discriminative"].miner.upper == 2.0
    assert [name for name in terms if name.startswith("apart")] == [
        "apart_shared",
        "apart_intra",
        "apart_contrast",
    ]
    adversary = terms["apart_intra"].map
    assert [adversary[0].in_features, adversary[0].out_features] == [128, 512]
    with pytest.raises(UsageError, match="needs 4 or more"):
        method.head(Dims(8, 3, 2))


@pytest.mark.parametrize("labels", [[0] * 6, [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1]])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e4])
def test_hard_batches_give_finite_values(labels: list[int], scale: float) -> None:
    torch.manual_seed(0)
    model = model_of(nn.Identity())
    for dtype in (torch.float32, torch.float64):
        terms = create_method("diva", queue=16).terms(Dims(6, 17, 6))
        rows = (scale * random_rows(1, 6, 6)).to(dtype).requires_grad_()
        model.head = model.head.to(dtype)
        for term in terms.values():
            term.to(dtype).start(model)
        for number in range(3):
            rows.grad = None
            heads = model.head(rows)
            step = step_of(rows, torch.tensor(labels), number=number, heads=heads)
            values = [term(step) for term in terms.values()]
            torch.stack(values).sum().backward()
            assert np.isfinite([float(v.detach()) for v in values]).all()
            assert torch.isfinite(rows.grad).all()
            for term in terms.values():
                term.after_update(model, step)
