"""The best weights on the validation classes, until they hardly get better."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.training.selection import BestWeights, Scores, SelectionRule, register_selection_rule


@register_selection_rule("plateau")
class Plateau(SelectionRule):
    """Train on the train classes; keep the weights with the best MAP@R on the val classes.

    Training ends when the best score has risen by less than ``rise``, relative to what it was, over
    the last ``patience`` scores: best_now - best_then < rise * |best_then|.
    """

    trains_on = ("train",)
    needs = "validation"

    patience = Parameter(5, "scores over which it must have risen", minimum=1)
    rise = Parameter(0.01, "least relative rise of the best score", minimum=0.0)

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._best = BestWeights()
        self._bests: list[float] = []

    def observe(self, step: int, model: nn.Module, scores: Scores) -> bool:
        self._best.offer(step, scores.validation(model), model)
        self._bests = [*self._bests, self._best.score][-self.patience - 1 :]
        if len(self._bests) <= self.patience:
            return False
        then, now = self._bests[0], self._bests[-1]
        return not now - then >= self.rise * abs(then) or now == then

    def finish(self, model: nn.Module) -> int | None:
        return self._best.put_into(model)

    def state(self) -> dict[str, object]:
        return {**self._best.state(), "bests": self._bests}

    def load_state(self, state: dict[str, object]) -> None:
        self._best.load_state(state)
        self._bests = [float(one) for one in state["bests"]]  # type: ignore[attr-defined]
