"""The best weights on what is trained on, and an end when they no longer get better."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.training.selection import BestWeights, Scores, SelectionRule, register_selection_rule


@register_selection_rule("best-training")
class BestTraining(SelectionRule):
    """Keep the weights of the best training score; stop when it rises by less than 1 %.

    The target phase of Adapted Deep Embeddings (NeurIPS 2018): the earliest of equally good steps
    is kept. Every ``patience`` scores the best so far is compared with the best at the look
    before; a relative rise below ``least_rise`` ends training, and the first look only notes. The
    weights before the first update do not count. A score of ``highest`` ends it at once: nothing
    later could be kept.
    """

    needs = "training"

    patience = Parameter(20, "scores between two looks", minimum=1)
    least_rise = Parameter(0.01, "relative rise between two looks below which it ends", minimum=0.0)
    highest = Parameter(1.0, "a score that cannot be beaten")

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._best = BestWeights()
        self._scored = 0
        self._before = float("-inf")

    def observe(self, step: int, model: nn.Module, scores: Scores) -> bool:
        if step == 0:
            return False
        self._best.offer(step, scores.training(model), model)
        self._scored += 1
        if self._best.score >= self.highest:
            return True
        if self._scored % self.patience:
            return False
        before, self._before = self._before, self._best.score
        # a best of 0 has not risen, whatever is divided by it
        return self._best.score - before < self.least_rise * abs(before) or (
            before == self._best.score
        )

    def finish(self, model: nn.Module) -> int | None:
        return self._best.put_into(model)

    def state(self) -> dict[str, object]:
        return {**self._best.state(), "scored": self._scored, "before": self._before}

    def load_state(self, state: dict[str, object]) -> None:
        self._best.load_state(state)
        self._scored = int(state["scored"])  # type: ignore[call-overload]
        self._before = float(state["before"])  # type: ignore[arg-type]
