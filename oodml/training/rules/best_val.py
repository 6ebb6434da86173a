"""The best weights on the validation classes."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.training.selection import BestWeights, Scores, SelectionRule, register_selection_rule


@register_selection_rule("best-val")
class BestValidation(SelectionRule):
    """Train on the train classes; keep the weights with the best MAP@R on the val classes.

    The earliest of equally good steps is kept. With ``patience``, training ends after so many
    scores in a row that were not better.
    """

    trains_on = ("train",)
    needs = "validation"

    patience = Parameter(None, "scores without a better one that end it", kind=int, minimum=1)

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._best = BestWeights()
        self._waited = 0

    def score(self, model: nn.Module, scores: Scores) -> float:
        """What is to be the best."""
        return scores.validation(model)

    def observe(self, step: int, model: nn.Module, scores: Scores) -> bool:
        better = self._best.offer(step, self.score(model, scores), model)
        self._waited = 0 if better else self._waited + 1
        return self.patience is not None and self._waited >= self.patience

    def finish(self, model: nn.Module) -> int | None:
        return self._best.put_into(model)

    def state(self) -> dict[str, object]:
        return {**self._best.state(), "waited": self._waited}

    def load_state(self, state: dict[str, object]) -> None:
        self._best.load_state(state)
        self._waited = int(state["waited"])  # type: ignore[call-overload]
