"""S2SD: targets, distillation, pooling and delays against plain float64 transcriptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from steps import random_rows, step_of
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods import Dims, LossTerm, Method, Step, Term, create_method
from oodml.methods.term import Scaled
from oodml.methods.terms.self_distillation import (
    FeatureTeacher,
    TargetBranch,
    groups_of,
    similarity_divergence,
)

ROWS = 8
LABELS = torch.arange(ROWS) // 2
DIMS = Dims(features=7, embedding=5, classes=4)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / torch.sqrt((a * a).sum() * (b * b).sum())


def divergence_reference(teacher: Tensor, student: Tensor, t: float) -> Tensor:
    """T^2 / n sum_i sum_j p_ij log(p_ij / q_ij) in loops; the teacher without gradient."""
    teacher, n, total = teacher.detach(), len(teacher), torch.zeros((), dtype=torch.float64)
    for i in range(n):
        p = torch.stack([torch.exp(cosine(teacher[i], teacher[j]) / t) for j in range(n)])
        q = torch.stack([torch.exp(cosine(student[i], student[j]) / t) for j in range(n)])
        p, q = p / p.sum(), q / q.sum()
        for j in range(n):
            total = total + p[j] * (torch.log(p[j]) - torch.log(q[j]))
    return t**2 * total / n


def triplet_reference(rows: Tensor, margin: float = 1.0) -> Tensor:
    """Mean hinge over all triplets, of squared distances of unit rows."""
    unit = torch.stack([row / torch.sqrt((row * row).sum()) for row in rows])
    found = []
    for a in range(len(rows)):
        for p in range(len(rows)):
            for n in range(len(rows)):
                if a != p and LABELS[a] == LABELS[p] and LABELS[a] != LABELS[n]:
                    near, far = ((unit[a] - unit[x]).square().sum() for x in (p, n))
                    found.append(torch.clamp(near - far + margin, min=0))
    return torch.stack(found).mean()


def made(**options: Any) -> dict[str, Term]:
    torch.manual_seed(0)
    chosen = {"widths": (6, 9), "pooled": False, "weight": 3.0, "feature_weight": 2.0, **options}
    terms = create_method("s2sd-triplet", **chosen).terms(DIMS)
    return {name: term.double() for name, term in terms.items()}


def target_of(branch: TargetBranch, features: Tensor) -> Tensor:
    first, last = branch.target[0], branch.target[2]
    hidden = torch.clamp(features @ first.weight.T + first.bias, min=0)
    return hidden @ last.weight.T + last.bias


def checked(
    terms: dict[str, Term], step: Step, expected: Tensor, leaves: dict[str, Tensor]
) -> None:
    """Value and gradients of the sum of terms, of inputs and of all branches' parameters."""
    found = torch.stack([term(step) for term in terms.values()]).sum()
    modules = nn.ModuleDict({n.replace(".", "_"): t for n, t in terms.items()})
    own = {f"parameter {n}": p for n, p in modules.named_parameters()}
    every = {**leaves, **own}
    got = torch.autograd.grad(found, list(every.values()))
    wanted = torch.autograd.grad(expected, list(every.values()))
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
    for name, a, b in zip(every, got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_it_is_half_the_losses_and_the_divergences(temperature: float) -> None:
    terms = made(temperature=temperature)
    features = random_rows(1, ROWS, 7).requires_grad_()
    embedding = random_rows(2, ROWS, 5).requires_grad_()
    expected = 0.5 * triplet_reference(embedding)
    for place in (1, 2):
        target = target_of(terms[f"s2sd/branch_{place}"], features)  # type: ignore[arg-type]
        expected = expected + 0.25 * triplet_reference(target)
        expected = expected + 1.5 * divergence_reference(target, embedding, temperature)
    expected = expected + 2.0 * divergence_reference(features, embedding, temperature)
    step = step_of(features, LABELS, heads={"embedding": embedding})
    checked(terms, step, expected, {"features": features, "embedding": embedding})


def test_pooled_is_mean_plus_maximum_of_the_maps() -> None:
    terms = made(pooled=True)
    maps = random_rows(3, ROWS, 7 * 6).reshape(ROWS, 7, 2, 3).requires_grad_()
    embedding = random_rows(2, ROWS, 5).requires_grad_()
    seen = torch.stack(
        [torch.stack([one.sum() / 6 + max(one.flatten()) for one in item]) for item in maps]
    )
    expected = 0.5 * triplet_reference(embedding)
    for place in (1, 2):
        target = target_of(terms[f"s2sd/branch_{place}"], seen)  # type: ignore[arg-type]
        expected = expected + 0.25 * triplet_reference(target)
        expected = expected + 1.5 * divergence_reference(target, embedding, 1.0)
    expected = expected + 2.0 * divergence_reference(seen, embedding, 1.0)
    step = step_of(
        random_rows(4, ROWS, 7), LABELS, maps=maps, heads={"embedding": embedding}
    )  # the features are not read
    checked(terms, step, expected, {"maps": maps, "embedding": embedding})


def test_only_the_embedding_learns_from_the_teachers() -> None:
    teacher = random_rows(1, ROWS, 7).requires_grad_()
    student = random_rows(2, ROWS, 5).requires_grad_()
    value = similarity_divergence(teacher, student, 0.5)
    assert torch.autograd.grad(value, teacher, allow_unused=True, retain_graph=True) == (None,)
    (gradient,) = torch.autograd.grad(value, student)
    direction = random_rows(6, ROWS, 5)
    ends = [
        similarity_divergence(teacher, student.detach() + sign * 1e-6 * direction, 0.5)
        for sign in (1, -1)
    ]
    assert float((gradient * direction).sum()) == pytest.approx(
        float(ends[0] - ends[1]) / 2e-6, rel=1e-5
    )
    assert similarity_divergence(student, 3 * student, 0.5).item() == pytest.approx(0, abs=1e-12)


def test_branches_and_features_each_teach_from_their_delay_on() -> None:
    terms = made(delay=3, feature_delay=5)
    features, embedding = random_rows(1, ROWS, 7), random_rows(2, ROWS, 5)
    branch = terms["s2sd/branch_1"]
    target = target_of(branch, features)  # type: ignore[arg-type]
    alone = 0.25 * triplet_reference(target).item()
    taught = 1.5 * divergence_reference(target, embedding, 1.0).item()
    by_features = 2 * divergence_reference(features, embedding, 1.0).item()
    for number in range(7):
        step = step_of(features, LABELS, number=number, heads={"embedding": embedding})
        expected = alone + (taught if number >= 3 else 0)
        assert branch(step).item() == pytest.approx(expected, rel=1e-7)
        expected = by_features if number >= 5 else 0
        assert terms["s2sd/features"](step).item() == pytest.approx(expected, rel=1e-7)


class Bounded(nn.Module):
    """Half of what a margin loss is: one learned boundary a class, at a rate of its own."""

    learning_rate_factor = 50.0

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.boundaries = nn.Parameter(torch.full((classes,), 0.6))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return (embeddings.norm(dim=1) - self.boundaries[labels]).square().mean()


class Proxied(nn.Module):
    """A loss with parameters that are no boundaries."""

    learning_rate_factor = 100.0

    def __init__(self) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.zeros(4, 5))


@pytest.mark.parametrize(
    ("loss", "rate", "factor"),
    [
        (lambda: Bounded(4), 1.0, 1.0),
        (lambda: Bounded(4), 20.0, 20.0),
        (Proxied, 1.0, 100.0),
    ],
)
def test_boundaries_learn_at_a_rate_of_their_own(
    loss: Callable[[], nn.Module], rate: float, factor: float
) -> None:
    term = LossTerm(loss())
    (group,) = groups_of([term], rate)
    assert group.factor == factor
    assert group.parameters == list(term.parameters())


class WithBoundaries(Method):
    """One boundary a class."""

    def terms(self, dims: Dims) -> dict[str, Term]:
        return {"loss": LossTerm(Bounded(dims.classes))}


def test_every_branch_has_boundaries_of_its_own() -> None:
    from oodml.methods.wrappers.s2sd import S2SD

    terms = S2SD(WithBoundaries(), widths=(6, 6), pooled=False).terms(DIMS)
    boundaries = {
        id(p): name
        for name, term in terms.items()
        for key, p in term.named_parameters()
        if key.endswith("boundaries")
    }
    assert sorted(boundaries.values()) == ["loss", "s2sd/branch_1", "s2sd/branch_2"]
    groups = [group for term in terms.values() for group in term.groups()]
    assert [id(p) for g in groups for p in g.parameters if id(p) in boundaries] == list(boundaries)
    assert {group.factor for group in groups} == {1.0}
    assert isinstance(terms["loss"], Scaled)


def test_its_name_alone_is_oodmls_run() -> None:
    method = create_method("s2sd")
    assert method == create_method("s2sd-r-margin")
    assert method.key == create_method("r-margin", regularizers=[{"s2sd": {}}]).key
    chosen = method.hyper_parameters
    assert chosen["beta"] == 0.6
    assert chosen["s2sd_widths"] == (1024, 1536, 2048)
    for name, expected in (("weight", 50), ("feature_weight", 50), ("temperature", 1)):
        assert chosen[f"s2sd_{name}"] == expected
    assert chosen["s2sd_pooled"]
    groups = [group for term in method.terms(DIMS).values() for group in term.groups()]
    assert {group.factor for group in groups} == {1.0}


def test_its_needs_are_its_own_and_the_wrapped_methods() -> None:
    assert create_method("s2sd-triplet").needs == {"maps"}
    assert create_method("s2sd-triplet", pooled=False).needs == set()
    assert create_method("s2sd-uniform-prior-triplet", pooled=False).needs == {"trunk"}


def test_it_goes_around_methods_on_one_embedding_only() -> None:
    for name in ("diva", "simclr"):
        with pytest.raises(UsageError, match=f"s2sd cannot be put around '{name}'"):
            create_method(f"s2sd-{name}")


@pytest.mark.parametrize("widths", [(), (0,), (True,), (8.0,)])
def test_wrong_widths(widths: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="s2sd widths"):
        create_method("s2sd-triplet", widths=widths)


def test_maps_of_another_width_than_the_features_are_refused() -> None:
    (branch, *_) = (t for t in made(pooled=True).values() if isinstance(t, TargetBranch))
    step = step_of(random_rows(1, ROWS, 7), LABELS, maps=torch.zeros(ROWS, 4, 2, 2))
    with pytest.raises(UsageError, match="4 channels and its features 7 columns"):
        branch(step)


@pytest.mark.parametrize("temperature", [1e-3, 1.0])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e4])
def test_extreme_rows_give_finite_values(scale: float, temperature: float) -> None:
    teacher = FeatureTeacher(50.0, temperature, 0, False)
    halves = [] if scale == 1e-6 else [torch.float16]  # a gradient of 1 / 1e-6 is beyond them
    for dtype in [*halves, torch.float32]:
        embedding = (scale * random_rows(2, ROWS, 5)).to(dtype).requires_grad_()
        features = (scale * random_rows(1, ROWS, 7)).to(dtype)
        loss = teacher(step_of(features, LABELS, heads={"embedding": embedding}))
        loss.backward()
        assert math.isfinite(loss.item())
        assert torch.isfinite(embedding.grad).all()
