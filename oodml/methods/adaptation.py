"""Adaptation: how a trained model goes on learning from a few labelled images of new classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from oodml.methods.batch_rule import BatchRule
from oodml.methods.step import Dims
from oodml.methods.term import Term


class Learner(Protocol):
    """What of a method adapts; methods import this file, so it does not import theirs."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def images_per_class(self) -> int: ...

    def terms(self, dims: Dims) -> dict[str, Term]: ...

    def batches(self) -> BatchRule: ...


@dataclass(frozen=True)
class Adaptation:
    """What happens to a copy of the trained model on a support set, and who then decides.

    Attributes:
        predictor: "classifier" (that of the method's own terms, trained on the support), or a
            classifier on embeddings: "nearest" (cosine 1-NN to the support), "prototype", "linear".
        steps: the most updates on the support set; 0 leaves the model as it is.
        learning_rate_factor: times the training learning rate.
        trains: "all", or "head" for the last layer alone.
        minimum_shots: with fewer shots the unadapted model is scored instead.
        rule: selection rule that may stop early; it sees scores on the support only.
        rule_options: parameters of the rule.
        evaluate_every: updates between the rule's scores; 0 for an epoch of the support.
        score_episodes: episodes of one score, where the predictor is "prototype".
        batches: which support items an update sees; None for the method's own rule ``on_support``.
        by: the method whose loss and batches adapt; None for the trained method itself.
        fresh: begin from new random weights, the trunk's too where it trains, instead of the trained
            ones.
        carry_moments: the optimiser begins with its moments at the end of the source training.
        changes: further training settings that differ on a support set.
    """

    predictor: Literal["classifier", "nearest", "prototype", "linear"] = "nearest"
    steps: int = 0
    learning_rate_factor: float = 1.0
    trains: Literal["all", "head"] = "all"
    minimum_shots: int = 1
    rule: str = "fixed-steps"
    rule_options: Mapping[str, Any] = field(default_factory=dict)
    evaluate_every: int = 0
    score_episodes: int = 100
    batches: BatchRule | None = None
    by: Learner | None = None
    fresh: bool = False
    carry_moments: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)

    def learns(self, shots: int) -> bool:
        """Whether a model goes on learning from so many images a class."""
        return self.steps > 0 and shots >= self.minimum_shots
