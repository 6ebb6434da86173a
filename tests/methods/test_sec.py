"""SEC and L2 around any method: what they constrain, the running mean, the gradient, the head."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods import Dims, Step, Term, create_method, list_methods, list_wrappers
from oodml.methods.heads.batch_norm import BatchNormHead
from oodml.methods.registry import _wrappers
from oodml.methods.terms.norms import SphericalTerm, SquaredNormTerm
from oodml.training import Embedder, TrainingSettings, start_from_features
from oodml.training.optimisers import parameter_groups

DIMS = Dims(features=9, embedding=8, classes=4)
SEC_BASES = ("triplet", "multi-similarity", "arcface", "cosface", "sphereface", "simclr")


def step_of(heads: dict[str, Tensor], labels: Tensor | None = None, number: int = 0) -> Step:
    rows = next(iter(heads.values()))
    half = torch.arange(len(rows)) % (len(rows) // 2)
    return Step(
        number=number,
        labels=half if labels is None else labels,
        items=half,
        views=torch.arange(len(rows)) // (len(rows) // 2),
        support=None,
        inputs=rows,
        features=rows,
        heads=heads,
    )


def double(seed: int, rows: int = 12, columns: int = 8) -> Tensor:
    generator = np.random.default_rng(seed)
    lengths = generator.uniform(0.5, 4, (rows, 1))
    return torch.from_numpy(generator.normal(size=(rows, columns)) * lengths).requires_grad_()


def norm(row: Tensor) -> Tensor:
    return row.square().sum().sqrt()


class TestSphericalTerm:
    @pytest.mark.parametrize("rho", [1.0, 0.3, 0.01])
    def test_value_gradient_and_running_mean_step_by_step(self, rho: float) -> None:
        """protocols: mean((|f| - mu)^2), mu_t = (1 - rho) mu_{t-1} + rho batch mean, detached."""
        eta, mu = 0.7, None
        term = SphericalTerm(eta, rho).double()
        for number in range(6):
            rows = double(number)
            norms = [math.sqrt(float(row.square().sum())) for row in rows.detach()]
            batch_mean = sum(norms) / len(norms)
            mu = batch_mean if mu is None else (1 - rho) * mu + rho * batch_mean
            expected = eta * sum((one - mu) ** 2 for one in norms) / len(norms)
            value = term(step_of({"embedding": rows}, number=number))
            assert value.item() == pytest.approx(expected, rel=1e-12)
            assert term.constraint.mean_norm.item() == pytest.approx(mu, rel=1e-12)
            value.backward()
            for row, one, gradient in zip(rows.detach(), norms, rows.grad, strict=True):
                wanted = eta * 2 * (one - mu) / len(norms) * row / one
                torch.testing.assert_close(gradient, wanted, rtol=1e-10, atol=1e-12)

    def test_the_running_mean_survives_an_interruption(self) -> None:
        term = SphericalTerm(1.0, 0.2)
        for seed in range(3):
            term(step_of({"embedding": double(seed).float()}))
        again = SphericalTerm(1.0, 0.2)
        again.load_state_dict(term.state_dict())
        step = step_of({"embedding": double(9).float()})
        assert again(step).item() == term(step).item()

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_degenerate_rows_have_finite_gradients(self, dtype: torch.dtype) -> None:
        one_zero = torch.ones(4, 3, dtype=dtype)
        one_zero[2] = 0
        for rows in (one_zero, 0 * one_zero, one_zero[:1], 1e-6 * one_zero, 1e4 * one_zero):
            leaf = rows.clone().requires_grad_()
            for term in (SphericalTerm(1.0, 1.0), SquaredNormTerm(1.0)):
                value = term(step_of({"embedding": leaf.repeat(2, 1)}))
                value.backward()
                assert torch.isfinite(value)
                assert torch.isfinite(leaf.grad).all()

    def test_no_pull_on_the_mean_but_on_the_spread_alone(self) -> None:
        """With momentum 1 the norms' mean has no gradient: the sphere's radius is free."""
        rows = double(3)
        SphericalTerm(1.0, 1.0)(step_of({"embedding": rows})).backward()
        radial = (rows.grad * rows.detach() / rows.detach().norm(dim=1, keepdim=True)).sum()
        assert radial.item() == pytest.approx(0, abs=1e-12)


def test_l2_is_the_mean_squared_norm_and_its_gradient() -> None:
    rows = double(1)
    value = SquaredNormTerm(0.3)(step_of({"embedding": rows}))
    expected = 0.3 * sum(float(row.square().sum()) for row in rows.detach()) / len(rows)
    assert value.item() == pytest.approx(expected, rel=1e-12)
    value.backward()
    torch.testing.assert_close(rows.grad, 0.3 * 2 / len(rows) * rows.detach())


@pytest.mark.parametrize("name", ["sec", "l2"])
def test_what_is_observed_is_mean_and_variance_of_the_norms(name: str) -> None:
    (term,) = create_method(f"{name}-triplet").extra_terms(DIMS).values()  # type: ignore[attr-defined]
    rows = double(2)
    norms = np.linalg.norm(rows.detach().numpy(), axis=1)
    before = {key: one.clone() for key, one in term.state_dict().items()}
    found = term.observed(step_of({"embedding": rows}))
    assert found["norm_mean"].item() == pytest.approx(norms.mean())
    assert found["norm_variance"].item() == pytest.approx(norms.var())
    assert not found["norm_mean"].requires_grad
    for key, one in term.state_dict().items():  # looking moves nothing
        torch.testing.assert_close(one, before[key], equal_nan=True)


class TestWhatIsConstrained:
    def outputs(self, name: str) -> dict[str, str]:
        terms = create_method(name).extra_terms(DIMS)  # type: ignore[attr-defined]
        return {key: one.output for key, one in terms.items()}

    @pytest.mark.parametrize(
        "base", ["triplet", "arcface", "proxy-anchor", "classification", "prototypical"]
    )
    def test_the_embedding_of_most(self, base: str) -> None:
        assert self.outputs(f"sec-{base}") == {"constraint": "embedding"}
        assert self.outputs(f"l2-{base}") == {"norms": "embedding"}

    def test_the_projection_of_simclr(self) -> None:
        assert self.outputs("sec-simclr") == {"constraint": "projection"}
        assert self.outputs("l2-simclr") == {"norms": "projection"}
        assert self.outputs("sec-l2-simclr") == {"constraint": "projection"}

    def test_each_branch_of_diva(self) -> None:
        branches = ("discriminative", "shared", "intra", "contrast")
        assert self.outputs("sec-diva") == {f"constraint_{one}": one for one in branches}
        terms = create_method("sec-diva").extra_terms(DIMS)  # type: ignore[attr-defined]
        heads = {one: double(seed) for seed, one in enumerate(branches)}
        for name, term in terms.items():
            term(step_of(heads))
            mean = heads[term.output].detach().norm(dim=1).mean()
            assert term.constraint.mean_norm.item() == pytest.approx(mean.item()), name

    def test_the_outputs_are_those_the_head_gives(self) -> None:
        for name in list_methods():
            method = create_method(name)
            if method.trains:
                given = method.head(DIMS)(torch.zeros(2, 9))
                given = given if isinstance(given, dict) else {"embedding": given}
                assert set(method.loss_outputs) <= set(given), name


@pytest.mark.parametrize("momentum", [1.0, 0.25])
def test_simclr_with_sec_is_nt_xent_and_the_spread_of_the_projections(momentum: float) -> None:
    """Value and gradient against a transcription, over steps, so that the running mean counts."""
    temperature, eta, mu = 0.5, 0.3, None
    method = create_method(
        "sec-simclr", temperature=temperature, sec_weight=eta, sec_momentum=momentum
    )
    terms = nn.ModuleDict(method.terms(DIMS)).double()
    for seed in range(3):
        rows = double(seed)
        step = step_of({"embedding": double(7), "projection": rows})
        total: Tensor = sum(term(step) for term in terms.values())  # type: ignore[assignment]
        (gradient,) = torch.autograd.grad(total, rows)

        leaf = rows.detach().clone().requires_grad_()
        count = len(leaf)
        norms = [norm(row) for row in leaf]
        batch_mean = sum(float(one.detach()) for one in norms) / count
        mu = batch_mean if mu is None else (1 - momentum) * mu + momentum * batch_mean
        expected = torch.zeros((), dtype=torch.float64)
        for i in range(count):
            shares = {
                k: ((leaf[i] / norms[i] * leaf[k] / norms[k]).sum() / temperature).exp()
                for k in range(count)
                if k != i
            }
            other = (i + count // 2) % count
            expected = expected - (shares[other] / sum(shares.values())).log() / count
            expected = expected + eta * (norms[i] - mu).square() / count
        (wanted,) = torch.autograd.grad(expected, leaf)
        assert total.item() == pytest.approx(expected.item(), rel=1e-9)
        torch.testing.assert_close(gradient, wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("base", SEC_BASES)
@pytest.mark.parametrize("wrapper", ["sec", "l2"])
def test_a_wrapper_adds_its_term_and_nothing_else(base: str, wrapper: str) -> None:
    def total(terms: dict[str, Term]) -> Tensor:
        return torch.stack([term(step) for term in terms.values()]).sum()

    labels = torch.arange(12) % 4
    step = step_of({"embedding": double(1).float(), "projection": double(2).float()}, labels)
    found = []
    for name in (base, f"{wrapper}-{base}"):
        torch.manual_seed(0)
        found.append(total(create_method(name).terms(DIMS)))
    (added,) = create_method(f"{wrapper}-{base}").extra_terms(DIMS).values()  # type: ignore[attr-defined]
    assert added(step).item() > 0
    assert (found[1] - found[0]).item() == pytest.approx(added(step).item(), rel=1e-4, abs=1e-5)


def test_useful_combinations_are_listed_once() -> None:
    names = list_methods()
    assert len(names) == len(set(names))
    assert {f"sec-{base}" for base in SEC_BASES} <= set(names)
    assert {"l2-triplet", "l2-multi-similarity"} <= set(names)
    known = {name for name in names if not name.startswith(("sec-", "l2-"))}
    for wrapper in list_wrappers():
        for base in _wrappers.get(wrapper).useful_with:
            assert (f"{wrapper}-{base}" in names) == (base in known), base


def test_a_combination_with_a_method_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_wrappers.get("sec"), "useful_with", ("triplet", "of-another-package"))
    assert [name for name in list_methods() if name.startswith("sec-")] == ["sec-triplet"]


class TestHead:
    """SEC's own head: batch norm of the features, then a linear layer with bias."""

    def test_it_is_batch_norm_and_then_linear(self) -> None:
        head = create_method("sec-triplet", head_batch_norm=True).whole_head(DIMS)
        assert isinstance(head, BatchNormHead)
        features = torch.randn(20, 9, dtype=torch.float64) * 3 + 1
        found = head.double()(features).detach().numpy()
        rows = features.numpy()
        rows = (rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-5)
        weight, bias = head.head.weight.detach().numpy(), head.head.bias.detach().numpy()
        np.testing.assert_allclose(found, rows @ weight.T + bias, atol=1e-10)

    def test_every_method_has_it_and_without_it_nothing_changes(self) -> None:
        for name in list_methods():
            method = create_method(name)
            if not method.trains:
                continue
            plain = method.whole_head(DIMS)
            assert not any(isinstance(one, nn.BatchNorm1d) for one in plain.modules()), name
            assert "head_batch_norm" in method.all_parameters
            if "diva" in name:
                continue
            torch.manual_seed(3)
            plain = method.whole_head(DIMS)
            torch.manual_seed(3)
            normed = create_method(name, head_batch_norm=True).whole_head(DIMS)
            assert isinstance(normed, BatchNormHead), name
            # the head inside starts from the same weights
            for key, one in plain.state_dict().items():
                assert torch.equal(one, normed.head.state_dict()[key]), (name, key)

    def test_it_enters_the_identity_only_where_it_is_asked_for(self) -> None:
        plain = create_method("sec-triplet")
        asked = create_method("sec-triplet", head_batch_norm=True)
        assert "head_batch_norm" not in plain.hyper_parameters
        assert create_method("sec-triplet", head_batch_norm=False).key == plain.key
        assert asked.hyper_parameters["head_batch_norm"] is True
        assert asked.key != plain.key
        assert asked.label == "sec-triplet (head_batch_norm=True)"

    @pytest.mark.parametrize("name", ["diva", "sec-diva"])
    def test_diva_refuses_it(self, name: str) -> None:
        with pytest.raises(UsageError, match="'diva': its terms read the features"):
            create_method(name, head_batch_norm=True)

    def test_it_trains_where_the_trunks_batch_norm_is_frozen(self) -> None:
        trunk = nn.Sequential(nn.Linear(9, 9), nn.BatchNorm1d(9))
        settings = TrainingSettings(mode="network", freeze_batch_norm=True)
        method = create_method("sec-triplet", head_batch_norm=True)
        model = Embedder.of(method, trunk, DIMS, settings).train()
        assert not trunk[1].training
        assert model.head.input_norm.training
        trained = {
            id(p) for group in parameter_groups(model, {}, settings) for p in group["params"]
        }
        assert {id(p) for p in model.head.parameters()} <= trained
        assert not {id(p) for p in trunk[1].parameters()} & trained

    @pytest.mark.parametrize("name", ["triplet", "simclr"])
    @pytest.mark.parametrize("width", [3, 9, 11])
    @pytest.mark.parametrize("length", [0.0, 10.0])
    def test_it_starts_as_the_head_without_it(self, name: str, width: int, length: float) -> None:
        rng = np.random.default_rng(0)
        features = (rng.normal(size=(60, 9)) * rng.uniform(0.1, 5, 9) + 2).astype(np.float32)
        features[:, 4] = 0.5  # a column that does not vary
        rows = torch.from_numpy(features)
        if length:
            rows = length * nn.functional.normalize(rows, dim=1)
        found = []
        for batch_norm in (False, True):
            method = create_method(name, head_batch_norm=batch_norm)
            head = method.whole_head(Dims(9, width, 4))
            assert start_from_features(head, features, length)
            for training in (True, False) if batch_norm else (False,):
                with torch.no_grad():
                    given = copy.deepcopy(head).train(training)(rows)
                found.append(given["embedding"] if isinstance(given, dict) else given)
        plain, in_training, in_evaluation = found
        torch.testing.assert_close(in_evaluation, plain, rtol=1e-3, atol=1e-3)
        # of all rows at once the batch's statistics are the running ones
        torch.testing.assert_close(in_training, plain, rtol=1e-3, atol=1e-3)
