"""The best weights on the test classes: what no fair comparison may do, and papers have done."""

from torch import nn

from oodml.core.errors import OodmlError
from oodml.training.selection import BestWeights, Scores, SelectionRule, register_selection_rule


@register_selection_rule("oracle")
class Oracle(SelectionRule):
    """Train on train and val classes; keep the weights with the best MAP@R on the TEST classes.

    An upper bound, for comparison with published numbers that were selected in this way. Its rows
    never share a table with others.
    """

    needs = "test"
    fair = False

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._best = BestWeights()

    def observe(self, step: int, model: nn.Module, scores: Scores) -> bool:
        test = getattr(scores, "test", None)
        if test is None:
            raise OodmlError("rule oracle was given no scores of the test side")
        self._best.offer(step, test(model), model)
        return False

    def finish(self, model: nn.Module) -> int | None:
        return self._best.put_into(model)

    def state(self) -> dict[str, object]:
        return self._best.state()

    def load_state(self, state: dict[str, object]) -> None:
        self._best.load_state(state)
