"""How ooDML adapts any trained model to a few images: its last layer, by margin loss."""

from __future__ import annotations

from typing import Literal

from oodml.methods.adaptation import Adaptation
from oodml.methods.batches.with_replacement import WithReplacement
from oodml.methods.registry import create_method

BATCH_SIZE = 112
_STEPS = {2: 1000}
_MORE_SHOTS_STEPS = 1500
_BETA, _S2SD_BETA = 1.2, 0.6


def published_steps(shots: int) -> int:
    """1000 updates for two shots, 1500 for five (and for numbers the paper does not have)."""
    return _STEPS.get(shots, _STEPS[2] if shots < 2 else _MORE_SHOTS_STEPS)


def published_beta(method: str) -> float:
    """The margin loss's boundary after a method of this name: 0.6 for S2SD, 1.2 for others."""
    return _S2SD_BETA if "s2sd" in method else _BETA


def oodml_adaptation(
    method: str,
    shots: int,
    *,
    trains: Literal["all", "head"] = "head",
    steps: int | None = None,
    learning_rate_factor: float = 10.0,
) -> Adaptation:
    """Adapt a model trained by ``method`` as Milbich et al. (NeurIPS 2021) do, whatever it was.

    Margin loss with distance-weighted mining and a boundary that is not trained; Adam at ten times
    the training's learning rate, without weight decay; batches of 112, two images a class, drawn
    with replacement; a fixed number of updates, the last weights. As in their code the sampling has
    no upper cutoff. The backbone is in evaluation mode and does not move, unless ``trains`` is
    "all".

    Args:
        steps: None for the published number.
    """
    return Adaptation(
        predictor="nearest",
        steps=published_steps(shots) if steps is None else steps,
        learning_rate_factor=learning_rate_factor,
        trains=trains,
        minimum_shots=2,
        batches=WithReplacement(images_per_class=2),
        by=create_method("margin", upper_cutoff=2.0, beta=published_beta(method), learn_beta=False),
        changes={"optimizer": "adam", "weight_decay": 0.0, "batch_size": BATCH_SIZE},
    )
