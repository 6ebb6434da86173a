"""Settings of the engine: micro batches, clipping, schedules, groups, precision, determinism."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from process_cases import BATCH, CLASSES, LABELS, ROWS, SIDE, Pictures, Trunk
from torch import nn

from oodml.core.errors import UsageError
from oodml.methods import Dims, ParameterGroup, Step, Term, create_method
from oodml.runs.timing import seconds_a_step
from oodml.training import CachedFeatures, Embedder, Feed, TrainingSettings, adapt, train
from oodml.training.arithmetic import check_precision
from oodml.training.optimisers import parameter_groups

State = dict[str, torch.Tensor]


class Single(Pictures):
    def training_batch(self, indices: np.ndarray, seed: int) -> torch.Tensor:
        return super().training_batch(indices, seed).float()


class WithDropout(Trunk):
    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(super().forward_features(images), 0.3, self.training)


def run(
    name: str = "multi-similarity",
    trunk: type[nn.Module] = Trunk,
    fabric: Fabric | None = None,
    method_options: dict[str, object] | None = None,
    **settings: object,
) -> tuple[Embedder, dict[str, Term]]:
    torch.manual_seed(1)
    method = create_method(name, **(method_options or {}))
    given = TrainingSettings(
        **{  # type: ignore[arg-type]
            "mode": "network",
            "batch_size": BATCH,
            "steps": 5,
            "learning_rate": 0.01,
            "backbone_learning_rate": 0.01,
            **settings,
        }
    )
    dims = Dims(8, 16, CLASSES)
    model = Embedder(trunk(), method.head(dims), 8, 16, given.freeze_batch_norm)
    terms = method.terms(dims)
    feed = Feed(Single(), np.arange(ROWS), LABELS, method.batches(), BATCH, 3)  # type: ignore[arg-type]
    train(model, terms, feed, given, fabric or Fabric(accelerator="cpu", devices=1))
    return model, terms


def weights(model: nn.Module) -> State:
    return {k: v.clone() for k, v in model.state_dict().items()}


class TestMicroBatches:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("multi-similarity", {}),
            ("diva", {"queue": 30}),
            ("s2sd-multi-similarity", {"widths": (9,), "pooled": True}),
        ],
    )
    def test_the_loss_is_that_of_the_whole_batch(
        self, name: str, options: dict[str, object]
    ) -> None:
        whole, _ = run(name, method_options=options, optimizer="sgd")
        parts, _ = run(name, method_options=options, optimizer="sgd", micro_batch=5)
        for key, value in weights(whole).items():
            torch.testing.assert_close(parts.state_dict()[key], value, rtol=1e-4, atol=1e-5)

    def test_both_passes_of_a_part_draw_alike(self) -> None:
        """With another dropout in the second pass the gradient would not be one of the loss."""
        seen: list[torch.Tensor] = []

        class Recording(WithDropout):
            def forward_head(self, maps: torch.Tensor, pre_logits: bool = True) -> torch.Tensor:
                found = super().forward_head(maps)
                seen.append(found.detach().clone())
                return found

        run(trunk=Recording, micro_batch=9, steps=1)
        assert len(seen) == 4
        assert torch.equal(seen[0], seen[2])
        assert torch.equal(seen[1], seen[3])
        assert not torch.equal(seen[0], seen[1])

    def test_trained_batch_norm_is_refused(self) -> None:
        with pytest.raises(UsageError, match="batch norm that is trained"):
            run(micro_batch=5, freeze_batch_norm=False)


class TestGroups:
    def test_batch_norm_of_a_head_has_no_weight_decay_and_terms_say_theirs(self) -> None:
        class Own(Term):
            def __init__(self) -> None:
                super().__init__()
                self.proxies = nn.Parameter(torch.zeros(3))

            def groups(self) -> list[ParameterGroup]:
                return [ParameterGroup([self.proxies], factor=100.0, weight_decay=0.0)]

        head = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 4))
        settings = TrainingSettings(weight_decay=0.5, learning_rate=0.1)
        groups = parameter_groups(Embedder(Trunk(), head, 8, 4), {"own": Own()}, settings)
        found = {g["name"]: (g["lr"], g["weight_decay"], len(g["params"])) for g in groups}
        assert found == {
            "head": (0.1, 0.5, 2),
            "head norm": (0.1, 0.0, 2),
            "backbone": (1e-5, 0.5, 1),
            "own": (10.0, 0.0, 1),
        }

    def test_the_backbone_may_wait(self) -> None:
        start, _ = run(steps=1, learning_rate=1e-30, backbone_learning_rate=1e-30)
        waited, _ = run(steps=3, freeze_backbone_steps=3)
        moved, _ = run(steps=4, freeze_backbone_steps=3)
        assert torch.equal(waited.trunk.convolution.weight, start.trunk.convolution.weight)
        assert not torch.equal(waited.head.weight, start.head.weight)
        assert not torch.equal(moved.trunk.convolution.weight, start.trunk.convolution.weight)

    def test_rates_rise_and_fall(self) -> None:
        """The first of two warm-up steps goes half as far."""
        one, _ = run(steps=1, optimizer="sgd", weight_decay=0.0)
        start, _ = run(steps=1, optimizer="sgd", learning_rate=1e-30, backbone_learning_rate=1e-30)
        half, _ = run(steps=1, optimizer="sgd", weight_decay=0.0, warmup_steps=2)
        whole = one.head.weight - start.head.weight
        torch.testing.assert_close(half.head.weight - start.head.weight, whole / 2)


class TestClipping:
    def test_the_norm_of_all_gradients_has_an_end(self) -> None:
        def norm(model: Embedder) -> float:
            frozen = {id(p) for m in model.frozen_norms() for p in m.parameters()}
            trained = [p for p in model.parameters() if id(p) not in frozen]
            kept = [p.grad for p in trained if p.grad is not None]
            return float(torch.stack([g.norm() for g in kept]).norm())

        free, _ = run(steps=1)
        clipped, _ = run(steps=1, clip_gradient=0.01)
        assert norm(free) > 0.01
        assert norm(clipped) == pytest.approx(0.01, rel=1e-3)


class TestPrecision:
    @pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
    @pytest.mark.parametrize("micro_batch", [0, 7])
    def test_half_precision_stays_near(self, precision: Any, micro_batch: int) -> None:
        given = {"steps": 3, "optimizer": "sgd", "clip_gradient": 1.0}
        whole, _ = run(**given)  # type: ignore[arg-type]
        plugins = [MixedPrecision(precision, "cpu")]
        fabric = Fabric(accelerator="cpu", devices=1, plugins=plugins)
        half, _ = run(fabric=fabric, micro_batch=micro_batch, **given)  # type: ignore[arg-type]
        difference = (half.head.weight - whole.head.weight).norm()
        start, _ = run(steps=1, learning_rate=1e-30, backbone_learning_rate=1e-30)
        moved = (whole.head.weight - start.head.weight).norm()
        assert difference < 0.2 * moved
        assert half.head.weight.dtype == torch.float32

    def test_gradients_of_float16_are_scaled_back(self) -> None:
        """Without it Adam moves alike, but weight decay is lost and an overflow is taken."""
        whole, _ = run(steps=1)
        # by name Fabric takes bfloat16 on a processor; the plugin with its scaler works there
        fabric = Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu")])
        half, _ = run(steps=1, fabric=fabric)
        one, other = whole.head.weight.grad, half.head.weight.grad
        assert one is not None
        assert other is not None
        assert (one - other).norm() < 0.05 * one.norm()


class TestArithmetic:
    def test_channels_last_gives_the_same_numbers(self) -> None:
        plain, _ = run()
        last, _ = run(channels_last=True)
        torch.testing.assert_close(last.head.weight, plain.head.weight, rtol=1e-3, atol=1e-4)

    def test_deterministic_is_on_within_a_training_alone(self) -> None:
        seen = []

        class Watching(Trunk):
            def forward(self, images: torch.Tensor) -> torch.Tensor:
                seen.append(torch.are_deterministic_algorithms_enabled())
                return super().forward(images)

        run(trunk=Watching, deterministic=True, steps=1)
        assert seen == [True]
        assert not torch.are_deterministic_algorithms_enabled()

    def test_a_compiled_trunk_gives_the_same_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        traced = nn.Module.compile
        # the C++ compiler would take a minute; what is traced is the same
        monkeypatch.setattr(nn.Module, "compile", lambda self: traced(self, backend="eager"))
        plain, _ = run(steps=2, optimizer="sgd")
        compiled, _ = run(steps=2, optimizer="sgd", compile=True)
        assert compiled.trunk._compiled_call_impl is None
        torch.testing.assert_close(compiled.head.weight, plain.head.weight, rtol=1e-4, atol=1e-5)
        assert list(compiled.state_dict()) == list(plain.state_dict())

    def test_a_trunk_that_cannot_be_compiled_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def without_compiler(graph: object, inputs: object) -> Any:
            raise RuntimeError("no C++ compiler")

        traced = nn.Module.compile
        monkeypatch.setattr(
            nn.Module, "compile", lambda self: traced(self, backend=without_compiler)
        )
        with pytest.raises(UsageError, match=r"(?s)could not compile.*use compile = false"):
            run(steps=1, compile=True)

    def test_float16_on_a_processor_is_refused(self) -> None:
        with pytest.raises(UsageError, match="not computed on a processor"):
            check_precision("float16", torch.device("cpu"))
        check_precision("float16", torch.device("cuda"))
        check_precision("bfloat16", torch.device("cpu"))


class TestFrozenTrunk:
    def test_an_adaptation_from_scratch_leaves_it(self) -> None:
        """In mode last-layer: random weights that nothing trains would be of no use."""

        class Scores:
            def training(self, model: nn.Module) -> float:
                return 0.0

        method = create_method("baseline")
        settings = TrainingSettings(mode="last-layer", batch_size=6)
        model = Embedder(Trunk(), method.whole_head(Dims(8, 16, 2)), 8, 16)
        support = np.arange(10)
        adapted, _ = adapt(
            model, method, Single(), support, LABELS[support], settings,  # type: ignore[arg-type]
            Fabric(accelerator="cpu", devices=1), seed=0, scores=Scores(),  # type: ignore[arg-type]
            adaptation=replace(method.adaptation_or_error(), steps=2),
        )  # fmt: skip
        for key, value in model.trunk.state_dict().items():
            assert torch.equal(adapted.trunk.state_dict()[key], value), key
        heads = [dict(one.head.named_parameters()) for one in (model, adapted)]
        assert any(not torch.equal(heads[0][key], heads[1][key]) for key in heads[0])

    def test_an_estimate_does_not_train_it(self) -> None:
        trunk = Trunk()
        before = trunk.convolution.weight.detach().clone()
        for mode, same in (("last-layer", True), ("network", False)):
            settings = TrainingSettings(mode=mode, batch_size=12, freeze_backbone_steps=50)  # type: ignore[arg-type]
            seconds_a_step(create_method("triplet"), settings, trunk, 8, (1, SIDE, SIDE))
            assert torch.equal(trunk.convolution.weight, before) == same


class TestIdentity:
    def test_newer_settings_enter_only_where_they_are_given(self) -> None:
        plain = TrainingSettings().identity()
        assert "clip_gradient" not in plain
        assert plain["steps"] == 300
        changed = TrainingSettings(clip_gradient=1.0, micro_batch=32)
        assert changed.identity() == {**plain, "clip_gradient": 1.0, "micro_batch": 32}
        assert TrainingSettings(**changed.identity()) == changed

    def test_settings_of_this_version_leave_an_identity_as_it_was(self) -> None:
        """Names of what identified a training at commit b00c04a."""
        names = (
            "mode selection selection_options steps batch_size embedding_dim head_start "
            "input_length optimizer learning_rate backbone_learning_rate milestones decay "
            "weight_decay evaluate_every freeze_batch_norm precision min_crop flip"
        )
        assert sorted(TrainingSettings().identity()) == sorted(names.split())

    def test_another_training_has_no_schedule_of_this_one(self) -> None:
        given = TrainingSettings(milestones=(3,), warmup_steps=2, schedule="cosine")
        assert given.for_steps(7) == TrainingSettings(steps=7)


def test_inputs_are_given_to_terms_that_need_them() -> None:
    seen: list[object] = []

    class Looking(Term):
        def forward(self, step: Step) -> torch.Tensor:
            seen.append(step.inputs)
            return step.embedding.square().mean()

    class Needing(Looking):
        needs = frozenset({"inputs"})

    for term in (Looking(), Needing()):
        method = create_method("triplet")
        model = Embedder(nn.Identity(), nn.Linear(8, 4), 8, 4)
        source = CachedFeatures(np.zeros((ROWS, 8), np.float32))
        feed = Feed(source, np.arange(ROWS), LABELS, method.batches(), 12, 0)
        settings = TrainingSettings(steps=1)
        train(model, {"t": term}, feed, settings, Fabric(accelerator="cpu", devices=1))
    assert seen[0] is None
    assert isinstance(seen[1], torch.Tensor)
