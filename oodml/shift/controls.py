"""Reference conditions that tell shift from difficulty.

A level gets harder for two reasons: its test classes lie far from its training classes, and they
may be hard to tell apart whatever one trained on. Three controls separate the two:

- the *reverse* of a level trains on its test side and tests on its training side: the distance is
  the same, the difficulty of the classes is not;
- an *in-distribution ceiling* trains on a share of the images of the test classes themselves and
  tests on the rest;
- *size-matched* splits of the starting partition have as few classes as a level that lost some, so
  that a smaller gallery is not taken for a smaller loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.shift.distance.gram import Index
from oodml.shift.distance.means import ClassMeans
from oodml.shift.generators import Partition
from oodml.shift.ladder.checks import level_counts
from oodml.shift.ladder.model import Ladder, Level
from oodml.shift.validation_classes import split_validation

CEILING_SHARE = 0.5
SIZE_MATCHED_DRAWS = 3
# Two images to train on and two to test on are the least that make a class usable on both sides.
_CEILING_IMAGES = 4


def level_controls(
    level: Partition,
    start: Partition,
    means: ClassMeans,
    val_fraction: float,
    seed: int,
) -> dict[str, Any]:
    """The ``controls`` entry of a level, as it stands in ``ladder.json``."""
    test = [means.names[row] for row in level.right]
    train, val = split_validation(test, val_fraction, seed)
    few = sorted(
        n for n, row in zip(test, level.right, strict=True) if means.images[row] < _CEILING_IMAGES
    )
    controls: dict[str, Any] = {
        "reverse": {"train": list(train), "val": list(val)},
        "ceiling": {
            "image_share": CEILING_SHARE,
            "seed": seed,
            "classes": sorted(set(test) - set(few)),
            "too_few_images": few,
        },
    }
    if len(level.left) < len(start.left) or len(level.right) < len(start.right):
        controls["size_matched"] = [
            _size_matched(level, start, means, val_fraction, seed, draw)
            for draw in range(SIZE_MATCHED_DRAWS)
        ]
    return controls


def reverse_level(ladder: Ladder, index: int) -> Level:
    """The level with its sides changed over: trained on its test side, tested on the other.

    The shift is the same, for the distance is symmetric; ``train`` and ``val`` are the level's test
    classes, split by the ladder's seed.

    Raises:
        UsageError: no such level, or a ladder without controls.
    """
    level = _level(ladder, index)
    entry = _control(ladder, level, "reverse")
    train, val = tuple(entry["train"]), tuple(entry["val"])
    return Level(
        index=index,
        train=train,
        val=val,
        test=level.training_side,
        shift=level.shift,
        target=level.target,
        counts=level_counts(train, val, level.training_side, ladder.images),
        stage=f"{level.stage} reversed".strip(),
        step=level.step,
    )


def size_matched_levels(ladder: Ladder, index: int) -> tuple[Level, ...]:
    """Random splits of the starting partition with as few classes a side as the level.

    Three of them, each with its own measured shift; none where the level lost no class, for then
    its gallery is as large as that of every other level.

    Raises:
        UsageError: no such level.
    """
    level = _level(ladder, index)
    return tuple(
        Level(
            index=index,
            train=tuple(entry["train"]),
            val=tuple(entry["val"]),
            test=tuple(entry["test"]),
            shift=float(entry["shift"]),
            counts=level_counts(
                tuple(entry["train"]), tuple(entry["val"]), tuple(entry["test"]), ladder.images
            ),
            stage=f"size-matched {draw}",
        )
        for draw, entry in enumerate(level.controls.get("size_matched", ()))
    )


class CeilingImages(NamedTuple):
    """Images of the same classes on two sides: class name -> sorted image ids, no id on both."""

    train: dict[str, list[str]]
    test: dict[str, list[str]]


def ceiling_images(
    ladder: Ladder, index: int, images_of: Mapping[str, Sequence[str]]
) -> CeilingImages:
    """Images of the test classes to train on and to test on, for the in-distribution ceiling.

    Which image goes where is ranked by a seeded hash of its id, so it does not depend on order;
    half of each class goes to either side, at least two images. Test classes with fewer than four
    images stand on neither; the ladder names them (``controls["ceiling"]["too_few_images"]``).
    What is compared with the ceiling must be scored on its ``test`` images.

    Args:
        images_of: class name -> all its image ids.

    Raises:
        UsageError: no such level, a ladder without controls, or a class that has no images, or too
            few, in ``images_of``.
    """
    level = _level(ladder, index)
    entry = _control(ladder, level, "ceiling")
    train: dict[str, list[str]] = {}
    test: dict[str, list[str]] = {}
    for name in entry["classes"]:
        if name not in images_of:
            raise UsageError(f"class {name!r} of level {index} has no images in this data set")
        if len(images_of[name]) < _CEILING_IMAGES:
            raise UsageError(
                f"class {name!r} of level {index} has {len(images_of[name])} image(s) here, its "
                f"ceiling needs {_CEILING_IMAGES}; is it the data set the ladder was made for?"
            )
        ranked = sorted(
            images_of[name],
            key=lambda image: (derived_seed("ceiling", entry["seed"], image), image),
        )
        count = int(np.clip(round(entry["image_share"] * len(ranked)), 2, len(ranked) - 2))
        train[name], test[name] = sorted(ranked[:count]), sorted(ranked[count:])
    return CeilingImages(train, test)


def _size_matched(
    level: Partition,
    start: Partition,
    means: ClassMeans,
    val_fraction: float,
    seed: int,
    draw: int,
) -> dict[str, Any]:
    sizes = len(level.left), len(level.right)
    rng = np.random.default_rng(derived_seed("size-matched", seed, *sizes, draw))
    left, right = _draw(start.left, sizes[0], rng), _draw(start.right, sizes[1], rng)
    train, val = split_validation([means.names[row] for row in left], val_fraction, seed)
    return {
        "train": list(train),
        "val": list(val),
        "test": sorted(means.names[row] for row in right),
        "shift": means.frechet(left, right),
    }


def _draw(side: Index, size: int, rng: np.random.Generator) -> Index:
    # A removal stage may leave one side larger than it started after whole superclasses moved.
    return np.sort(rng.choice(side, min(size, len(side)), replace=False))


def _level(ladder: Ladder, index: int) -> Level:
    if not 0 <= index < len(ladder.levels):
        raise UsageError(
            f"ladder {ladder.name!r} has levels 0 to {len(ladder.levels) - 1}, not {index}"
        )
    return ladder.levels[index]


def _control(ladder: Ladder, level: Level, name: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] | None = level.controls.get(name)
    if not entry:
        raise UsageError(
            f"ladder {ladder.name!r} names no {name} of level {level.index}: it was imported "
            "without features; import it with a data set or features"
        )
    return entry
