"""Selection rules: named objects that say which weights are kept, when to stop, and from what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parametrised
from oodml.core.registry import Registry


class Scores(Protocol):
    """Scores of the model as it stands; higher is better. Each is computed when asked for."""

    def validation(self, model: nn.Module) -> float:
        """On the validation side of the split."""
        ...

    def validation_recall(self, model: nn.Module) -> float:
        """Recall@1 on the validation side, every item against all others of it."""
        ...

    def training(self, model: nn.Module) -> float:
        """On what is trained on."""
        ...


class UnsealedScores(Scores, Protocol):
    """What a rule is given that says it is not fair."""

    def test(self, model: nn.Module) -> float:
        """On the test side of the split."""
        ...


class SelectionRule(Parametrised):
    """Decides which step's weights are kept, and when training ends.

    Class attributes:
        trains_on: which class sets of a level are trained on.
        needs: the scores that ``observe`` reads: "validation", "training", "test" or nothing.
        fair: False for rules that look at the test side; their rows never share a table. Of these
            alone is the test side unsealed, and they alone are given `UnsealedScores`.
    """

    owner_kind = "selection rule"
    trains_on: ClassVar[tuple[str, ...]] = ("train", "val")
    needs: ClassVar[Literal["validation", "training", "test"] | None] = None
    fair: ClassVar[bool] = True

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if cls.needs == "test" and cls.fair:
            raise UsageError(f"selection rule {cls.__name__} needs the test side; say fair = False")

    def observe(self, step: int, model: nn.Module, scores: Scores) -> bool:
        """Called every ``evaluate_every`` steps and after the last; True ends the training."""
        return False

    def finish(self, model: nn.Module) -> int | None:
        """Put the kept weights into ``model``; returns their step, None for the last."""
        return None

    def state(self) -> dict[str, object]:
        """What a checkpoint must hold to continue."""
        return {}

    def load_state(self, state: dict[str, object]) -> None:
        """Continue from ``state()``."""


@dataclass(frozen=True)
class Selection:
    """A rule at work: with the scores it may read.

    Attributes:
        read: the scores that the rule read when it last looked, by name, for the log.
    """

    rule: SelectionRule
    scores: Scores | None = None
    read: dict[str, float] = field(default_factory=dict)

    def observe(self, step: int, model: nn.Module) -> bool:
        """Whether the rule ends the training at this step."""
        self.read.clear()
        if self.rule.needs is None or self.scores is None:
            return False
        noted: Any = _Noted(self.scores, self.read)
        return self.rule.observe(step, model, noted)


class _Noted:
    """Scores that note what is asked of them."""

    def __init__(self, scores: Scores, read: dict[str, float]) -> None:
        self._scores = scores
        self._read = read

    def __getattr__(self, name: str) -> Callable[[nn.Module], float]:
        score = getattr(self._scores, name)

        def noted(model: nn.Module) -> float:
            self._read[name] = float(score(model))
            return self._read[name]

        return noted


class BestWeights:
    """The weights of the best score so far, the earliest of equally good ones."""

    def __init__(self) -> None:
        self.score = float("-inf")
        self.step = 0
        self._weights: dict[str, Tensor] = {}

    def offer(self, step: int, score: float, model: nn.Module) -> bool:
        """Keep the model's weights if the score is the best; whether it was."""
        if not score > self.score:
            return False
        self.score, self.step = score, step
        # cloned: state_dict() shares memory with weights that go on changing
        self._weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        return True

    def put_into(self, model: nn.Module) -> int | None:
        """Load the kept weights; returns their step, None (the last) where nothing was scored."""
        if not self._weights:
            return None
        model.load_state_dict(self._weights)
        return self.step

    def state(self) -> dict[str, object]:
        return {"score": self.score, "step": self.step, "best": self._weights}

    def load_state(self, state: dict[str, object]) -> None:
        self.score = float(state["score"])  # type: ignore[arg-type]
        self.step = int(state["step"])  # type: ignore[call-overload]
        self._weights = dict(state["best"])  # type: ignore[call-overload]


S = TypeVar("S", bound=type[SelectionRule])
_registry: Registry[type[SelectionRule]] = Registry(
    "selection rule", packages=("oodml.training.rules",), base=SelectionRule
)


def register_selection_rule(name: str) -> Callable[[S], S]:
    """Class decorator: make a SelectionRule available as ``name``."""
    return _registry.register_class(name)


def selection_rule_class(name: str) -> type[SelectionRule]:
    """The class registered as ``name``; UsageError with near names when there is none."""
    return _registry.get(name)


def create_selection_rule(name: str, /, **options: object) -> SelectionRule:
    """A fresh rule; UsageError with near names when there is none."""
    return selection_rule_class(name)(**options)


def list_selection_rules() -> list[str]:
    return _registry.names()
