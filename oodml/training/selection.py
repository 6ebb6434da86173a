"""Selection rules: named objects that say which weights are kept and what they may look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn

from oodml.core.registry import Registry

# Scores the embedder as it stands on the validation classes; higher is better.
ValidationScore = Callable[[nn.Module], float]


class SelectionRule:
    """Decides which step's weights are kept. Never sees the test side.

    Class attributes:
        trains_on: which class sets of a level are trained on.
        needs_validation: whether ``observe`` wants scores.
        fair: False for rules that look at the test side; their rows never share a table.
    """

    name: ClassVar[str] = ""
    trains_on: ClassVar[tuple[str, ...]] = ("train", "val")
    needs_validation: ClassVar[bool] = False
    fair: ClassVar[bool] = True

    def observe(self, step: int, embedder: nn.Module, score: ValidationScore) -> None:
        """Called every ``evaluate_every`` steps and after the last."""

    def finish(self, embedder: nn.Module) -> int | None:
        """Put the kept weights into ``embedder``; returns their step, None for the last."""
        return None

    def state(self) -> dict[str, object]:
        """What a checkpoint must hold to continue."""
        return {}

    def load_state(self, state: dict[str, object]) -> None:
        """Continue from ``state()``."""


_registry: Registry[type[SelectionRule]] = Registry("selection rule")


def register_selection_rule(name: str) -> Callable[[type[SelectionRule]], type[SelectionRule]]:
    """Class decorator: make a SelectionRule available as ``name``."""

    def add(rule: type[SelectionRule]) -> type[SelectionRule]:
        _registry.register(name)(rule)
        rule.name = name
        return rule

    return add


def create_selection_rule(name: str, **options: Any) -> SelectionRule:
    """A fresh rule; UsageError with near names when there is none."""
    return _registry.get(name)(**options)


def list_selection_rules() -> list[str]:
    return _registry.names()


@register_selection_rule("fixed-steps")
class FixedSteps(SelectionRule):
    """Train for the protocol's steps on train and val classes; keep the last weights."""


@register_selection_rule("best-val")
class BestValidation(SelectionRule):
    """Train on the train classes; keep the weights with the best MAP@R on the val classes.

    The earliest of equally good steps is kept.
    """

    trains_on = ("train",)
    needs_validation = True

    def __init__(self) -> None:
        self._best_score = float("-inf")
        self._best_step = 0
        self._best: dict[str, Tensor] = {}

    def observe(self, step: int, embedder: nn.Module, score: ValidationScore) -> None:
        value = score(embedder)
        if value > self._best_score:
            self._best_score, self._best_step = value, step
            # cloned: state_dict() shares memory with weights that go on changing
            self._best = {k: v.detach().clone() for k, v in embedder.state_dict().items()}

    def finish(self, embedder: nn.Module) -> int | None:
        embedder.load_state_dict(self._best)
        return self._best_step

    def state(self) -> dict[str, object]:
        return {"score": self._best_score, "step": self._best_step, "best": self._best}

    def load_state(self, state: dict[str, object]) -> None:
        self._best_score = float(state["score"])  # type: ignore[arg-type]
        self._best_step = int(state["step"])  # type: ignore[call-overload]
        self._best = dict(state["best"])  # type: ignore[call-overload]
