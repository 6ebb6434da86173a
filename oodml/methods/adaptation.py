"""Adaptation: how a trained model goes on learning from a few labelled images of new classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Adaptation:
    """What happens to a copy of the trained model on a support set, and who then decides.

    Attributes:
        predictor: "classifier" (that of the method's own terms, trained on the support), or a
            classifier on embeddings: "nearest" (cosine 1-NN to the support), "prototype", "linear".
        steps: updates on the support set; 0 leaves the model as it is.
        learning_rate_factor: times the training learning rate.
        trains: "all", or "head" for the last layer alone.
        minimum_shots: with fewer shots the unadapted model is scored instead.
        rule: selection rule that may stop early; it sees scores on the support only.
    """

    predictor: Literal["classifier", "nearest", "prototype", "linear"] = "nearest"
    steps: int = 0
    learning_rate_factor: float = 1.0
    trains: Literal["all", "head"] = "all"
    minimum_shots: int = 1
    rule: str = "fixed-steps"
