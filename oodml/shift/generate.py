"""``generate_ladder``: features and labels in, a sealed ladder out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oodml.shift.build import AboutData, build_ladder
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.generators import create_generator
from oodml.shift.ladder.model import Ladder
from oodml.shift.rules import DEFAULT_GENERATOR, DEFAULTS, ladder_rules


def generate_ladder(
    features: Any,
    labels: Sequence[Any] | None = None,
    generator: str = DEFAULT_GENERATOR,
    levels: int | None = DEFAULTS.levels,
    *,
    image_ids: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    superclass_of: Mapping[str, str] | None = None,
    default_split: tuple[Sequence[str], Sequence[str]] | None = None,
    targets: Sequence[float] | None = DEFAULTS.targets,
    steps: Sequence[str | int] | None = DEFAULTS.steps,
    keep_superclasses: bool = DEFAULTS.keep_superclasses,
    pinned_train: Sequence[str] = DEFAULTS.pinned_train,
    pinned_test: Sequence[str] = DEFAULTS.pinned_test,
    min_images: int = DEFAULTS.min_images,
    image_tolerance: float | None = DEFAULTS.image_tolerance,
    remove_classes: int = DEFAULTS.remove_classes,
    val_fraction: float = DEFAULTS.val_fraction,
    shots: Sequence[int] = DEFAULTS.shots,
    episodes: int = DEFAULTS.episodes,
    seed: int = DEFAULTS.seed,
    name: str | None = None,
    dataset: str | None = None,
    dataset_fingerprint: str | None = None,
    **options: Any,
) -> Ladder:
    """Partition classes into a ladder of train / test splits of growing, measured shift.

    Args:
        features: float array [N, D], or a feature table with ``features``, ``labels``,
            ``class_names``, ``image_ids`` and ``manifest`` (then leave out ``labels``).
        labels: N class names, or N integers (indices into ``class_names`` where given). Rows
            labelled None, NaN or "" are left out, and said so in the ladder.
        generator: a registered generator; ``oodml.shift.GENERATORS.names()`` lists them.
        levels: number of levels; default one a step or target where those are given, else 6.
        image_ids: N unique ids; without them the ladder has no few-shot episodes.
        superclass_of: class name -> superclass, for ``keep_superclasses``.
        default_split: conventional (train classes, test classes) to start from; without it the
            start is seeded random halves.
        targets: wanted shift values, growing; default evenly spaced between the easiest and the
            hardest shift reached.
        steps: names of the generator's own steps, in the order of the levels, for generators that
            name them. Those of ``oodml`` are numbered as in the papers: ``["-20", "0", "6", "R22"]``
            (negative: easier; R: removal stage, see ``removal_iterations``). Shift must grow from
            step to step.
        keep_superclasses: move whole superclasses only.
        pinned_train, pinned_test: classes that stay on their side in every level.
        min_images: classes with fewer images are left out, and said so in the ladder.
        image_tolerance: how far the image count of a side may move from the start, relative.
        remove_classes: after the search, delete up to this many classes from each side of the
            hardest partition, which raises the shift beyond what swapping can reach.
        val_fraction: share of the training classes kept for validation.
        shots, episodes: few-shot supports drawn for every level.
        seed: of every random choice. The result depends neither on the order of rows nor on the
            order of classes.
        options: options of the generator.

    Raises:
        UsageError: unknown generator, option or step, more levels than shifts reached, steps whose
            shift does not grow, bad arguments.
        DataError: features or labels that cannot be used.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> centres = rng.normal(size=(20, 8))
    >>> labels = np.repeat([f"class{i:02d}" for i in range(20)], 6)
    >>> features = np.repeat(centres, 6, axis=0) + rng.normal(size=(120, 8))
    >>> ladder = generate_ladder(features, labels, levels=3)
    >>> [round(level.shift, 1) for level in ladder.levels]
    [2.5, 7.2, 11.8]
    >>> [(len(level.train), len(level.val), len(level.test)) for level in ladder.levels]
    [(7, 3, 10), (7, 3, 10), (7, 3, 10)]

    Levels at given shifts, one a target:

    >>> ladder = generate_ladder(features, labels, targets=[4, 9])
    >>> [(level.target, round(level.shift, 1)) for level in ladder.levels]
    [(4.0, 4.0), (9.0, 9.0)]

    Levels that are steps of the papers' generator:

    >>> ladder = generate_ladder(features, labels, generator="oodml", steps=["-2", "0", "4"])
    >>> [(level.stage, level.step, round(level.shift, 1)) for level in ladder.levels]
    [('easier', -2, 5.8), ('start', 0, 7.2), ('harder', 4, 8.6)]
    """
    rules = ladder_rules(
        levels=levels,
        targets=targets,
        steps=steps,
        keep_superclasses=keep_superclasses,
        pinned_train=pinned_train,
        pinned_test=pinned_test,
        min_images=min_images,
        image_tolerance=image_tolerance,
        remove_classes=remove_classes,
        val_fraction=val_fraction,
        shots=shots,
        episodes=episodes,
        seed=seed,
    )
    return build_ladder(
        LabelledFeatures.of(features, labels, image_ids, class_names),
        create_generator(generator, **options),
        rules,
        AboutData(superclass_of, default_split, name, dataset, dataset_fingerprint),
    )
