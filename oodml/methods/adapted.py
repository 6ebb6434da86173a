"""What the methods of Adapted Deep Embeddings share: how they go on learning from a support set."""

from __future__ import annotations

from typing import Any

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.method import Method

PAPER = "Scott, Ridgeway, Mozer: Adapted Deep Embeddings, NeurIPS 2018"


class AdaptedMethod(Method):
    """A method that learns on from a support set, by the paper's stopping rule or for fixed steps.

    The rule (``best-training``): the support is scored after every epoch, the weights of the best
    score are kept (the first of equals), and every ``adaptation_patience`` scores training ends
    if the best rose by less than 1 % since the last look.
    """

    adaptation_steps = Parameter(
        500, "most updates on a support set", minimum=1, search=(20, 1000), log=True
    )
    adaptation_learning_rate_factor = Parameter(
        1.0,
        "times the training learning rate, on a support set",
        minimum=0.0,
        search=(0.1, 10.0),
        log=True,
    )
    adaptation_rule = Parameter(
        "best-training",
        "when adapting ends: by the paper's rule, or after adaptation_steps",
        choices=("best-training", "fixed-steps"),
    )
    adaptation_evaluate_every = Parameter(
        0, "updates between scores of the support; 0: an epoch of it", minimum=0
    )
    adaptation_patience = Parameter(
        20, "scores between two looks at whether the best still rises", minimum=1, search=(5, 100)
    )
    adaptation_least_rise = Parameter(
        0.01, "relative rise of the best score below which adapting ends", minimum=0.0
    )

    def adapting(self, **given: Any) -> Adaptation:
        """The adaptation of these parameters, with what the method itself adds."""
        stops = self.adaptation_rule == "best-training"
        options = {"patience": self.adaptation_patience, "least_rise": self.adaptation_least_rise}
        shared: dict[str, Any] = {
            "steps": self.adaptation_steps,
            "learning_rate_factor": self.adaptation_learning_rate_factor,
            "rule": self.adaptation_rule,
            "rule_options": options if stops else {},
            "evaluate_every": self.adaptation_evaluate_every,
        }
        return Adaptation(**{**shared, **given})


class TransferMethod(AdaptedMethod):
    """One that trains on the training classes first."""

    carry_moments = Parameter(
        False, "adapt with the optimiser's moments of the source training, as the released code"
    )

    def adapting(self, **given: Any) -> Adaptation:
        return super().adapting(carry_moments=self.carry_moments, **given)
