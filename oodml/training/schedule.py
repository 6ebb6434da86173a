"""How learning rates change over a training."""

from __future__ import annotations

import math

from oodml.training.settings import TrainingSettings


def rate_factor(settings: TrainingSettings, number: int) -> float:
    """What the learning rates are multiplied by at update ``number``, counted from 0.

    min(1, (n + 1) / warmup) * decay^(milestones passed) * c(n), with c = 1 or, for "cosine",
    (1 + cos(pi (n - warmup) / (steps - warmup))) / 2 after the warm-up.

    >>> cosine = TrainingSettings(steps=10, schedule="cosine", warmup_steps=2)
    >>> [round(rate_factor(cosine, n), 3) for n in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    >>> rate_factor(TrainingSettings(milestones=(3, 5), decay=0.5), 5)
    0.25
    """
    factor: float = settings.decay ** sum(number >= one for one in settings.milestones)
    warmup = settings.warmup_steps
    if number < warmup:
        return factor * (number + 1) / warmup
    if settings.schedule == "cosine":
        share = (number - warmup) / max(1, settings.steps - warmup)
        factor *= (1 + math.cos(math.pi * min(1.0, share))) / 2
    return factor
