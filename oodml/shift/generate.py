"""``generate_ladder``: features and labels in, a sealed ladder out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from oodml.core.errors import DataError, UsageError
from oodml.core.hashing import derived_seed
from oodml.shift.checks import level_counts
from oodml.shift.episodes import draw_episodes
from oodml.shift.generators import GENERATORS, Partition, Problem
from oodml.shift.ladder import Ladder, Level
from oodml.shift.means import ClassMeans, class_means, leave_out
from oodml.shift.options import parse_options
from oodml.shift.placing import place_levels
from oodml.shift.start import class_units, starting_sides

MEASURE = "frechet_class_means"
_MANIFEST = ("backbone", "weights_sha256", "preprocessing", "precision", "dim", "key")


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
        val_fraction: share of the training classes kept for validation.
        shots, episodes: few-shot supports drawn for every level.
        seed: of every random choice. The result depends neither on the order of rows nor on the
            order of classes.
        options: options of the generator.

    Raises:
        UsageError: unknown generator or option, more levels than shifts reached, bad arguments.
        DataError: features or labels that cannot be used.
    """
    table = _Table.of(features, labels, image_ids, class_names)
    entry = GENERATORS.get(generator)
    chosen = parse_options(entry.options, options, f"generator {generator}")
    wanted = _check_arguments(levels, targets, val_fraction, shots, episodes, image_tolerance)
    all_means = class_means(table.features, table.names, image_ids=table.image_ids)
    means, too_few = leave_out(all_means, min_images)
    _enough_classes(means, levels, len(too_few), min_images)
    units = class_units(means, superclass_of, keep_superclasses)
    left, right = starting_sides(means, units, default_split, pinned_train, pinned_test, seed)
    fixed = np.zeros(len(means), dtype=bool)
    fixed[means.rows_of([*pinned_train, *pinned_test])] = True
    problem = Problem(means, left, right, units, fixed, levels, wanted, image_tolerance, seed)
    found = entry.search(problem, chosen)
    placed = place_levels(found, levels, wanted)
    images = {n: int(c) for n, c in zip(means.names, means.images, strict=True)}
    rungs = tuple(
        _level(index, partition, target, means, images, val_fraction, seed)
        for index, (partition, target) in enumerate(placed)
    )
    used = {n for rung in rungs for n in rung.training_side + rung.test}
    manifest = table.manifest
    return Ladder(
        name=name or f"{dataset or manifest.get('dataset', 'ladder')}-{generator}-{levels}",
        dataset=str(dataset or manifest.get("dataset", "")),
        dataset_fingerprint=str(dataset_fingerprint or manifest.get("dataset_fingerprint", "")),
        features={"dim": means.dims} | {k: manifest[k] for k in _MANIFEST if k in manifest},
        generator=generator,
        options=_recorded(chosen, locals()),
        measure=MEASURE,
        seed=seed,
        levels=rungs,
        images={n: count for n, count in images.items() if n in used},
        left_out={n: f"{count} image(s), fewer than {min_images}" for n, count in too_few.items()},
        episode_table=table.episodes(means, rungs, shots, episodes, seed),
    ).sealed()


def split_validation(
    names: Sequence[str], fraction: float, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training classes split by class into (train, val), both sorted.

    Classes are ranked by a seeded hash of their name, so a class that stays on the training side
    mostly stays in its part from level to level. ceil(fraction * n) go to val, as in the papers
    (98 classes: 73 and 25), but at least one class stays in train.
    """
    count = min(int(np.ceil(round(fraction * len(names), 9))), len(names) - 1)
    ranked = sorted(names, key=lambda n: (derived_seed("validation class", seed, n), n))
    return tuple(sorted(ranked[count:])), tuple(sorted(ranked[:count]))


def _level(
    index: int,
    partition: Partition,
    target: float,
    means: ClassMeans,
    images: Mapping[str, int],
    val_fraction: float,
    seed: int,
) -> Level:
    side = [means.names[row] for row in partition.left]
    train, val = split_validation(side, val_fraction, seed)
    test = tuple(sorted(means.names[row] for row in partition.right))
    return Level(
        index=index,
        train=train,
        val=val,
        test=test,
        shift=partition.shift,
        shifts={MEASURE: partition.shift},
        target=target,
        counts=level_counts(train, val, test, images),
        stage=partition.stage,
        step=partition.step,
    )


class _Table:
    """Features with class names and ids, whatever form they came in."""

    def __init__(
        self,
        features: Any,
        names: Any,
        image_ids: Sequence[str] | None,
        manifest: Mapping[str, Any],
    ) -> None:
        self.features = features
        self.names = names
        self.image_ids = image_ids
        self.manifest = manifest

    @classmethod
    def of(
        cls,
        features: Any,
        labels: Sequence[Any] | None,
        image_ids: Sequence[str] | None,
        class_names: Sequence[str] | None,
    ) -> _Table:
        if hasattr(features, "class_names") and hasattr(features, "features"):
            names = np.asarray(features.class_names, dtype=str)[np.asarray(features.labels)]
            if labels is not None:
                names = np.asarray(labels, dtype=str)
            return cls(features.features, names, features.image_ids, features.manifest)
        if labels is None:
            raise UsageError(
                "labels are missing: give a class name or number for every feature row"
            )
        array = np.asarray(features)
        if array.dtype.kind not in "fiu":
            raise DataError(f"features hold {array.dtype}, expected real numbers")
        names = _class_names(labels, class_names)
        if image_ids is not None and len(set(image_ids)) != len(image_ids):
            raise DataError("image_ids: ids must be unique")
        return cls(array, names, image_ids, {})

    def episodes(
        self,
        means: ClassMeans,
        rungs: Sequence[Level],
        shots: Sequence[int],
        episodes: int,
        seed: int,
    ) -> Any:
        if self.image_ids is None or not shots or not episodes:
            return None
        images_of = {
            name: [self.image_ids[row] for row in rows]
            for name, rows in zip(means.names, means.rows, strict=True)
        }
        return draw_episodes(
            [rung.test for rung in rungs], images_of, shots=shots, episodes=episodes, seed=seed
        )


def _class_names(labels: Sequence[Any], class_names: Sequence[str] | None) -> Any:
    values = np.asarray(labels)
    if class_names is None:
        return values.astype(str)
    if len(set(class_names)) != len(class_names):
        twice = next(n for n in class_names if list(class_names).count(n) > 1)
        raise DataError(f"class name {twice!r} stands more than once; class names must be unique")
    if values.dtype.kind not in "iu":
        raise UsageError("class_names go with integer labels; these labels are names already")
    if len(values) and (values.min() < 0 or values.max() >= len(class_names)):
        raise DataError(
            f"labels run from {values.min()} to {values.max()}, "
            f"but there are {len(class_names)} class names"
        )
    return np.asarray(class_names, dtype=str)[values]


def _check_arguments(
    levels: int,
    targets: Sequence[float] | None,
    val_fraction: float,
    shots: Sequence[int],
    episodes: int,
    image_tolerance: float | None,
) -> tuple[float, ...] | None:
    if levels < 1:
        raise UsageError(f"levels is {levels}, expected at least 1")
    if not 0.0 <= val_fraction < 1.0:
        raise UsageError(f"val_fraction is {val_fraction}, expected 0 <= val_fraction < 1")
    if any(count < 1 for count in shots) or episodes < 0:
        raise UsageError("shots must be at least 1 and episodes at least 0")
    if image_tolerance is not None and image_tolerance < 0:
        raise UsageError(f"image_tolerance is {image_tolerance}, expected at least 0")
    if targets is None:
        return None
    wanted = tuple(float(value) for value in targets)
    if len(wanted) != levels:
        raise UsageError(f"{len(wanted)} targets for {levels} levels; give one a level")
    if not all(np.isfinite(wanted)) or list(wanted) != sorted(set(wanted)) or wanted[0] < 0:
        raise UsageError(f"targets {list(wanted)} must be growing, finite and not negative")
    return wanted


def _enough_classes(means: ClassMeans, levels: int, too_few: int, min_images: int) -> None:
    left = f" ({too_few} more have fewer than {min_images} images)" if too_few else ""
    if len(means) < 4:
        raise DataError(f"{len(means)} classes{left}; a ladder needs at least 4, two a side")
    if len(means) < levels:
        raise UsageError(f"{levels} levels out of {len(means)} classes{left}; ask for fewer levels")


def _recorded(chosen: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All that the search depended on, as it stands in the file."""
    named = ("keep_superclasses", "min_images", "image_tolerance", "val_fraction", "episodes")
    lists = ("pinned_train", "pinned_test", "shots")
    recorded = {key: arguments[key] for key in named}
    recorded |= {key: list(arguments[key]) for key in lists}
    recorded["targets"] = None if arguments["targets"] is None else list(arguments["wanted"])
    recorded["from_default_split"] = arguments["default_split"] is not None
    return recorded | asdict(chosen)
