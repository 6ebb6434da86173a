"""Prototypical network, adapted to the support set by the same loss."""

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.adapted import PAPER, TransferMethod
from oodml.methods.builtin.prototypical import Prototypical
from oodml.methods.registry import register_method


@register_method("adapted-prototypical")
class AdaptedPrototypical(TransferMethod, Prototypical):
    """Prototypical episodes on the training classes, then among the support; prototypes decide.

    An adaptation episode takes floor(0.75 k) support items of a class as its support and the
    others as queries; the prototypes that decide are of all k. Adapting ends by the paper's rule
    on the mean accuracy of such episodes. With one shot the unadapted embedding is scored.
    """

    version = 1
    family = "adapted to a support set"
    source = f"AdaptProtoNet in {PAPER}"

    adaptation_steps = TransferMethod.adaptation_steps.with_default(1000)
    adaptation_evaluate_every = TransferMethod.adaptation_evaluate_every.with_default(20)
    adaptation_patience = TransferMethod.adaptation_patience.with_default(10)
    score_episodes = Parameter(100, "episodes of one score of the support", minimum=1)

    def adaptation(self) -> Adaptation:
        return self.adapting(
            predictor="prototype",
            minimum_shots=2,
            score_episodes=self.score_episodes,
        )
