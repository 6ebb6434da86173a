"""The best weights on the validation side by Recall@1, with patience."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.training.rules.best_val import BestValidation
from oodml.training.selection import Scores, register_selection_rule


@register_selection_rule("best-source")
class BestSource(BestValidation):
    """Keep the weights with the best leave-one-out Recall@1 on the val classes; stop by patience.

    The source phase of Adapted Deep Embeddings (NeurIPS 2018), which scores after each epoch, keeps
    the best, and ends after ``patience`` scores without a better one. There validation items are of
    the training classes, and classifiers are scored by accuracy; here validation classes are
    others, on which only the embedding can be scored.
    """

    patience = Parameter(  # type: ignore[assignment]
        20, "scores without a better one that end it", minimum=1
    )

    def score(self, model: nn.Module, scores: Scores) -> float:
        return scores.validation_recall(model)
