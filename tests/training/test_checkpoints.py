"""Checkpoints: plain files that hold nested state, and nothing that runs."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric.loggers import Logger
from safetensors.torch import load_file

from oodml.core.errors import OodmlError, UsageError
from oodml.methods import Step, Term
from oodml.training import Checkpoint, TrainingLog, create_selection_rule
from oodml.training.loggers import make_logger
from oodml.training.selection import SelectionRule

SHARED = torch.arange(6.0)
STATE: dict[str, Any] = {
    "step": 7,
    "best": float("-inf"),
    "none": None,
    "flags": [True, False],
    "betas": (0.9, 0.999),
    "groups": {0: {"exp_avg": torch.ones(2, 3).T, "step": torch.tensor(3.0)}, "x": []},
    "views": [SHARED[:3], SHARED[3:], SHARED],
    "kinds": [torch.ones(1, dtype=kind) for kind in (torch.bool, torch.int64, torch.bfloat16)],
    "empty": torch.zeros(0, 4),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def test_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    Checkpoint(path, "me").save(STATE)
    found = Checkpoint(path, "me").load()
    assert found is not None
    assert found.pop("identity") == "me"
    assert same(STATE, found)
    assert len(load_file(path)) == 9, "any safetensors reader opens it"
    assert Checkpoint(path, "other").load() is None


def test_any_changed_byte_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    Checkpoint(path, "me").save(STATE)
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        found = Checkpoint(path, "me").load()
        # the order of a header's keys and its padding mean nothing
        assert found is None or same({**STATE, "identity": "me"}, found), place
    path.write_bytes(whole[: len(whole) // 2])
    assert Checkpoint(path, "me").load() is None


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (ran,)

    torch.save({"identity": "me", "evil": Evil()}, path)
    assert Checkpoint(path, "me").load() is None
    assert not ran.exists()


def test_what_a_checkpoint_cannot_hold_is_named() -> None:
    with pytest.raises(OodmlError, match="cannot hold a set"):
        Checkpoint(Path("never"), "me").save({"rule": {1, 2}})


class OneScore:
    def __init__(self, score: float) -> None:
        self.validation = self.test = lambda model: score


class TestRules:
    def observed(self, rule: SelectionRule, scores: list[float]) -> list[bool]:
        model = torch.nn.Linear(1, 1)
        return [rule.observe(i, model, OneScore(one)) for i, one in enumerate(scores)]

    def test_plateau_ends_where_the_best_hardly_rises(self) -> None:
        def rule() -> SelectionRule:
            return create_selection_rule("plateau", patience=2, rise=0.1)

        assert self.observed(rule(), [0.5, 0.5, 0.5]) == [False, False, True]
        assert self.observed(rule(), [0.5, 0.4, 0.56, 0.7, 0.7]) == [False] * 5
        assert self.observed(rule(), [0.5, 0.4, 0.54]) == [False, False, True]
        assert self.observed(rule(), [0.0, 0.0, 0.0]) == [False, False, True]
        first, second = rule(), rule()
        assert self.observed(first, [0.5, 0.4]) == [False, False]
        second.load_state(first.state())
        assert self.observed(second, [0.54]) == [True], "it continues"

    def test_a_rule_on_the_test_side_must_say_so(self) -> None:
        assert not create_selection_rule("oracle").fair
        with pytest.raises(UsageError, match="say fair = False"):
            type("Sly", (SelectionRule,), {"needs": "test"})

    def test_the_oracle_gets_nothing_from_fair_scores(self) -> None:
        class Fair:
            def validation(self, model: object) -> float:
                return 1.0

        rule = create_selection_rule("oracle")
        with pytest.raises(OodmlError, match="no scores of the test side"):
            rule.observe(0, torch.nn.Linear(1, 1), Fair())  # type: ignore[arg-type]
        assert self.observed(rule, [0.1, 0.3, 0.2]) == [False] * 3
        assert rule.finish(torch.nn.Linear(1, 1)) == 1


class Kept(Logger):
    name, version = "kept", "0"

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []
        self.status = ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None: ...

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        assert step is not None
        self.seen.append((step, metrics["loss"]))

    def finalize(self, status: str) -> None:
        self.status = status


class TestLog:
    def add(self, log: TrainingLog, done: int, **observed: float) -> None:
        class Watched(Term):
            def observed(self, step: Step) -> dict[str, torch.Tensor]:
                return {key: torch.tensor(value) for key, value in observed.items()}

        rows = torch.zeros(2, dtype=torch.int64)
        step = Step(done, rows, rows, rows, None, None, torch.ones(2, 3),
                    heads={"embedding": torch.ones(2, 4)})  # fmt: skip
        log.add(done, step, {"a": torch.tensor(0.5), "b": torch.tensor(1.0)},
                {"a": Watched()}, {"head": 0.1})  # fmt: skip

    def test_a_continued_run_writes_over_what_it_does_again(self, tmp_path: Path) -> None:
        path, logger = tmp_path / "logs" / "x.csv", Kept()
        log = TrainingLog(path, 2, logger)
        log.begin([])
        assert [log.due(done, 4) for done in (1, 2)] == [False, True]
        self.add(log, 2)
        rows = list(log.rows)
        self.add(log, 4, late=7.0)
        log.end("failed")
        assert logger.seen == [(2, 1.5), (4, 1.5)]
        assert logger.status == "failed"
        found = list(csv.DictReader(path.open()))
        assert [row["a/late"] for row in found] == ["", "7.0"], "a column may come later"
        again = TrainingLog(path, 2)
        again.begin(rows)
        self.add(again, 4)
        again.end()
        assert [row["step"] for row in csv.DictReader(path.open())] == ["2", "4"]
        assert found[0]["norm_mean"] == "2.0"

    def test_unknown_loggers_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is none of that name"):
            make_logger("nothing", tmp_path, "run")

    @pytest.mark.parametrize(
        ("name", "packages"),
        [("tensorboard", ("tensorboard", "tensorboardX")), ("wandb", ("wandb",))],
    )
    def test_loggers_whose_package_is_not_installed(
        self, tmp_path: Path, name: str, packages: tuple[str, ...]
    ) -> None:
        if any(find_spec(one) for one in packages):
            pytest.skip(f"{name} is installed")
        with pytest.raises(UsageError, match="install it"):
            make_logger(name, tmp_path, "run")
