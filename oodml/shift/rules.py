"""What is asked of a ladder whatever makes it, and the one place of its defaults."""

from __future__ import annotations

from typing import Any

import numpy as np

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter, Parametrised


class LadderRules(Parametrised):
    """What every generator has in common; see :func:`oodml.generate_ladder`.

    ``LadderRules()`` holds the defaults of ``generate_ladder``, of ``oodml split make`` and of a
    benchmark spec.

    Raises:
        UsageError: a value that makes no sense, alone or beside the others.
    """

    owner_kind = "ladder"

    levels = Parameter(6, "number of levels", minimum=1)
    targets: Parameter[tuple[float, ...] | None] = Parameter(
        None,
        "wanted shift values, growing, one a level; null: evenly spaced between the easiest and "
        "the hardest shift reached",
        kind=tuple,
    )
    keep_superclasses = Parameter(False, "move whole superclasses only")
    pinned_train: Parameter[tuple[str, ...]] = Parameter((), "classes kept in training")
    pinned_test: Parameter[tuple[str, ...]] = Parameter((), "classes kept in test")
    min_images = Parameter(2, "classes with fewer images are left out")
    image_tolerance: Parameter[float | None] = Parameter(
        None,
        "how far the image count of a side may move from the start, relative; null: as the "
        "generator has it",
        kind=float,
        minimum=0.0,
    )
    remove_classes = Parameter(
        0, "then delete up to this many classes a side for more shift", minimum=0
    )
    val_fraction = Parameter(0.25, "share of the training classes kept for validation", minimum=0.0)
    shots: Parameter[tuple[int, ...]] = Parameter((2, 5, 10), "k of the few-shot episodes")
    episodes = Parameter(10, "episodes of each level and k", minimum=0)
    seed = Parameter(0, "seed of every random choice")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.val_fraction >= 1.0:
            raise UsageError(f"val_fraction is {self.val_fraction}, expected 0 <= val_fraction < 1")
        if any(count < 1 for count in self.shots):
            raise UsageError(f"shots are {list(self.shots)}, expected at least 1 each")
        if self.targets is not None:
            _check_targets(self.targets, self.levels)


DEFAULTS = LadderRules()
DEFAULT_GENERATOR = "target"


def _check_targets(targets: tuple[float, ...], levels: int) -> None:
    if len(targets) != levels:
        raise UsageError(f"{len(targets)} targets for {levels} levels; one a level")
    growing = list(targets) == sorted(set(targets))
    if not np.isfinite(targets).all() or not growing or targets[0] < 0:
        raise UsageError(f"targets {list(targets)} must be growing, finite and not negative")
