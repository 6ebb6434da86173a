"""``generate_ladder``: features and labels in, a sealed ladder out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from oodml.core.errors import DataError, UsageError
from oodml.shift.controls import level_controls
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.distance.means import ClassMeans, leave_out
from oodml.shift.generators import GENERATORS, Generator, Partition, Problem
from oodml.shift.generators.removal import removal_stage
from oodml.shift.ladder.checks import level_counts
from oodml.shift.ladder.episodes import EpisodeTable, draw_episodes
from oodml.shift.ladder.model import Ladder, Level
from oodml.shift.options import parse_options
from oodml.shift.placing import place_levels
from oodml.shift.start import class_units, starting_sides
from oodml.shift.validation_classes import split_validation

MEASURE = "frechet_class_means"
_MANIFEST = ("backbone", "weights_sha256", "preprocessing", "precision", "dim", "key")


def manifest_part(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a ladder records of the features it was measured on."""
    return {key: manifest[key] for key in _MANIFEST if key in manifest}


@dataclass(frozen=True)
class LadderSettings:
    """What every generator has in common; see :func:`generate_ladder`."""

    levels: int
    targets: tuple[float, ...] | None
    keep_superclasses: bool
    pinned_train: tuple[str, ...]
    pinned_test: tuple[str, ...]
    min_images: int
    image_tolerance: float | None
    remove_classes: int
    val_fraction: float
    shots: tuple[int, ...]
    episodes: int
    seed: int

    def check(self) -> None:
        """Raise UsageError for values that make no sense."""
        if self.levels < 1:
            raise UsageError(f"levels is {self.levels}, expected at least 1")
        if not 0.0 <= self.val_fraction < 1.0:
            raise UsageError(f"val_fraction is {self.val_fraction}, expected 0 <= val_fraction < 1")
        if any(count < 1 for count in self.shots) or self.episodes < 0:
            raise UsageError("shots must be at least 1 and episodes at least 0")
        if self.image_tolerance is not None and self.image_tolerance < 0:
            raise UsageError(f"image_tolerance is {self.image_tolerance}, expected at least 0")
        if self.remove_classes < 0:
            raise UsageError(f"remove_classes is {self.remove_classes}, expected at least 0")
        if self.targets is None:
            return
        if len(self.targets) != self.levels:
            raise UsageError(f"{len(self.targets)} targets for {self.levels} levels; one a level")
        growing = list(self.targets) == sorted(set(self.targets))
        if not np.isfinite(self.targets).all() or not growing or self.targets[0] < 0:
            raise UsageError(
                f"targets {list(self.targets)} must be growing, finite and not negative"
            )


def generate_ladder(
    features: Any,
    labels: Sequence[Any] | None = None,
    generator: str = "target",
    levels: int = 6,
    *,
    image_ids: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    superclass_of: Mapping[str, str] | None = None,
    default_split: tuple[Sequence[str], Sequence[str]] | None = None,
    targets: Sequence[float] | None = None,
    keep_superclasses: bool = False,
    pinned_train: Sequence[str] = (),
    pinned_test: Sequence[str] = (),
    min_images: int = 2,
    image_tolerance: float | None = None,
    remove_classes: int = 0,
    val_fraction: float = 0.25,
    shots: Sequence[int] = (2, 5, 10),
    episodes: int = 10,
    seed: int = 0,
    name: str | None = None,
    dataset: str | None = None,
    dataset_fingerprint: str | None = None,
    **options: Any,
) -> Ladder:
    """Partition classes into a ladder of train / test splits of growing, measured shift.

    Args:
        features: float array [N, D], or a feature table with ``features``, ``labels``,
            ``class_names``, ``image_ids`` and ``manifest`` (then leave out ``labels``).
        labels: N class names, or N integers (indices into ``class_names`` where given).
        generator: a registered generator; ``oodml.shift.GENERATORS.names()`` lists them.
        levels: number of levels.
        image_ids: N unique ids; without them the ladder has no few-shot episodes.
        superclass_of: class name -> superclass, for ``keep_superclasses``.
        default_split: conventional (train classes, test classes) to start from; without it the
            start is seeded random halves.
        targets: wanted shift values, growing; default evenly spaced between the easiest and the
            hardest shift reached.
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
        UsageError: unknown generator or option, more levels than shifts reached, bad arguments.
        DataError: features or labels that cannot be used.
    """
    table = LabelledFeatures.of(features, labels, image_ids, class_names)
    entry = GENERATORS.get(generator)
    chosen = parse_options(entry.options, options, f"generator {generator}")
    settings = LadderSettings(
        levels=levels,
        targets=None if targets is None else tuple(float(value) for value in targets),
        keep_superclasses=keep_superclasses,
        pinned_train=tuple(pinned_train),
        pinned_test=tuple(pinned_test),
        min_images=min_images,
        image_tolerance=image_tolerance,
        remove_classes=remove_classes,
        val_fraction=val_fraction,
        shots=tuple(shots),
        episodes=episodes,
        seed=seed,
    )
    settings.check()
    means, too_few = leave_out(table.means(), min_images)
    _enough_classes(means, settings, len(too_few))
    problem = _problem(means, settings, superclass_of, default_split)
    if entry.adjust is not None:
        problem = entry.adjust(problem)
    start = problem.partition(problem.left, problem.right, "start", 0)
    placed = _place(problem, entry, chosen, settings)
    rungs = tuple(
        _level(index, partition, target, start, problem, settings)
        for index, (partition, target) in enumerate(placed)
    )
    used = {n for rung in rungs for n in rung.training_side + rung.test}
    used |= {means.names[row] for row in (*start.left, *start.right)}
    manifest = table.manifest
    recorded = asdict(settings) | asdict(chosen)
    recorded |= {"image_tolerance": problem.image_tolerance}
    recorded |= {"from_default_split": default_split is not None}
    del recorded["seed"], recorded["levels"]
    return Ladder(
        name=name or f"{dataset or manifest.get('dataset', 'ladder')}-{generator}-{levels}",
        dataset=str(dataset or manifest.get("dataset", "")),
        dataset_fingerprint=str(dataset_fingerprint or manifest.get("dataset_fingerprint", "")),
        features={"dim": means.dims} | manifest_part(manifest),
        generator=generator,
        options={k: list(v) if isinstance(v, tuple) else v for k, v in recorded.items()},
        measure=MEASURE,
        seed=seed,
        levels=rungs,
        images={n: int(c) for n, c in zip(means.names, means.images, strict=True) if n in used},
        left_out={n: f"{count} image(s), fewer than {min_images}" for n, count in too_few.items()},
        episode_table=_episodes(table, means, rungs, settings),
    ).sealed()


def _problem(
    means: ClassMeans,
    settings: LadderSettings,
    superclass_of: Mapping[str, str] | None,
    default_split: tuple[Sequence[str], Sequence[str]] | None,
) -> Problem:
    pinned = settings.pinned_train, settings.pinned_test
    units = class_units(means, superclass_of, settings.keep_superclasses)
    left, right = starting_sides(means, units, default_split, *pinned, settings.seed)
    fixed = np.zeros(len(means), dtype=bool)
    fixed[means.rows_of([*pinned[0], *pinned[1]])] = True
    return Problem(
        means=means,
        left=left,
        right=right,
        units=units,
        fixed=fixed,
        levels=settings.levels,
        targets=settings.targets,
        image_tolerance=settings.image_tolerance,
        seed=settings.seed,
    )


def _place(
    problem: Problem, entry: Generator, options: Any, settings: LadderSettings
) -> list[tuple[Partition, float]]:
    """Search, remove classes, choose levels, and move each level to its target."""
    found = entry.search(problem, options)
    if settings.remove_classes:
        hardest = max(found, key=lambda partition: partition.shift)
        found = [*found, *removal_stage(problem, hardest, settings.remove_classes)]
    placed = place_levels(found, settings.levels, settings.targets)
    if entry.refine is None:
        return placed
    low = min(partition.shift for partition in found)
    high = max(partition.shift for partition in found)
    for index, (partition, target) in enumerate(placed):
        if not low <= target <= high:
            continue
        moved = entry.refine(problem, options, partition, target)
        below = placed[index - 1][0].shift if index else -np.inf
        above = placed[index + 1][0].shift if index + 1 < len(placed) else np.inf
        if below < moved.shift < above:
            placed[index] = moved, target
    return placed


def stable_digits(value: float) -> float:
    """Ten significant digits: those a file can promise whatever the number of BLAS threads."""
    return float(f"{value:.10g}")


def _level(
    index: int,
    partition: Partition,
    target: float,
    start: Partition,
    problem: Problem,
    settings: LadderSettings,
) -> Level:
    means = problem.means
    # Once more from scratch: a search may have kept its value up to date step by step.
    shift = stable_digits(means.frechet(partition.left, partition.right))
    partition = replace(partition, shift=shift)
    images = {n: int(count) for n, count in zip(means.names, means.images, strict=True)}
    side = [means.names[row] for row in partition.left]
    train, val = split_validation(side, settings.val_fraction, settings.seed)
    test = tuple(sorted(means.names[row] for row in partition.right))
    return Level(
        index=index,
        train=train,
        val=val,
        test=test,
        shift=partition.shift,
        shifts={MEASURE: partition.shift},
        target=target if settings.targets is not None else stable_digits(target),
        counts=level_counts(train, val, test, images),
        stage=partition.stage,
        step=partition.step,
        controls=level_controls(partition, start, means, settings.val_fraction, settings.seed),
    )


def _episodes(
    table: LabelledFeatures, means: ClassMeans, rungs: Sequence[Level], settings: LadderSettings
) -> EpisodeTable | None:
    if table.image_ids is None or not settings.shots or not settings.episodes:
        return None
    ids = table.image_ids
    images_of = {
        name: [ids[row] for row in rows] for name, rows in zip(means.names, means.rows, strict=True)
    }
    return draw_episodes(
        [rung.test for rung in rungs],
        images_of,
        shots=settings.shots,
        episodes=settings.episodes,
        seed=settings.seed,
    )


def _enough_classes(means: ClassMeans, settings: LadderSettings, too_few: int) -> None:
    left = f" ({too_few} more have fewer than {settings.min_images} images)" if too_few else ""
    if len(means) < 4:
        raise DataError(f"{len(means)} classes{left}; a ladder needs at least 4, two a side")
    if len(means) < settings.levels:
        raise UsageError(
            f"{settings.levels} levels out of {len(means)} classes{left}; ask for fewer levels"
        )
