"""What a ladder must fulfil, each rule a function that lists what breaks it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from oodml.shift.distance.means import ClassMeans
from oodml.shift.ladder.episode_checks import episode_problems
from oodml.shift.ladder.episodes import EpisodeTable

# Shift agrees to this relative error across processors and BLAS builds.
SHIFT_TOLERANCE = 1e-4
IMPORTED = "imported"


class LevelToCheck(Protocol):
    """What the rules look at in a level; see :class:`oodml.shift.ladder.model.Level`."""

    @property
    def index(self) -> int: ...
    @property
    def train(self) -> tuple[str, ...]: ...
    @property
    def val(self) -> tuple[str, ...]: ...
    @property
    def test(self) -> tuple[str, ...]: ...
    @property
    def training_side(self) -> tuple[str, ...]: ...
    @property
    def shift(self) -> float: ...
    @property
    def shifts(self) -> Mapping[str, float]: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def controls(self) -> Mapping[str, Any]: ...


class LadderToCheck(Protocol):
    """What the rules look at in a ladder: the model is checked before it is saved, so it knows
    this file and this file does not know the model."""

    @property
    def generator(self) -> str: ...
    @property
    def measure(self) -> str: ...
    @property
    def levels(self) -> Sequence[LevelToCheck]: ...
    @property
    def images(self) -> Mapping[str, int]: ...
    @property
    def episode_table(self) -> EpisodeTable | None: ...
    @property
    def sha256(self) -> str: ...
    def content_hash(self) -> str: ...


def structural_problems(ladder: LadderToCheck) -> list[str]:
    """Everything that can be checked without features; empty when the ladder is sound."""
    problems: list[str] = []
    if ladder.sha256 != ladder.content_hash():
        problems.append(
            "sha256 does not match the content; the file was changed after it was made: restore "
            "it, or import its class lists as a new ladder"
        )
    for position, level in enumerate(ladder.levels):
        where = f"levels.{position}"
        if level.index != position:
            problems.append(f"{where}.index is {level.index}, expected {position}")
        if math.isnan(level.shift) and ladder.generator != IMPORTED:
            problems.append(f"{where}.shift is missing; only imported splits may lack it")
        problems += [f"{where}.{text}" for text in _list_problems(level)]
        problems += [f"{where}.{text}" for text in _count_problems(level, ladder)]
    for below, above in pairwise(ladder.levels):
        if above.shift <= below.shift:
            problems.append(
                f"levels.{above.index}.shift is {above.shift:.6g}, not above {below.shift:.6g} of "
                "the level below; shift must grow strictly"
            )
    if ladder.episode_table is not None:
        tests = [level.test for level in ladder.levels]
        problems += [f"episodes: {text}" for text in episode_problems(ladder.episode_table, tests)]
    return problems


def shift_problems(ladder: LadderToCheck, means: ClassMeans) -> list[str]:
    """Class-mean Fréchet values that the features do not confirm."""
    problems: list[str] = []
    for level in ladder.levels:
        missing = [n for n in level.training_side + level.test if n not in means.position]
        if missing:
            problems.append(
                f"levels.{level.index}: class {missing[0]!r} has no features "
                f"({len(missing)} classes missing)"
            )
            continue
        problems += _control_problems(level, means)
        left, right = means.rows_of(level.training_side), means.rows_of(level.test)
        stored = {"frechet_class_means": level.shifts.get("frechet_class_means")}
        if ladder.measure == "frechet_class_means":
            stored[ladder.measure] = level.shift
        value = means.frechet(left, right)
        for name, shift in stored.items():
            if shift is not None and abs(shift - value) > SHIFT_TOLERANCE * max(value, 1e-12):
                problems.append(
                    f"levels.{level.index}.shift ({name}) is {shift:.8g}, "
                    f"the features give {value:.8g}"
                )
        images = {n: int(means.images[means.position[n]]) for n in level.training_side + level.test}
        wrong = [n for n, count in images.items() if ladder.images.get(n, count) != count]
        if wrong:
            problems.append(
                f"images.{wrong[0]}: the ladder counts {ladder.images.get(wrong[0])} images, "
                f"the features have {images[wrong[0]]}"
            )
    return problems


def _control_problems(level: LevelToCheck, means: ClassMeans) -> Iterator[str]:
    """Size-matched controls whose shift the features do not confirm."""
    for draw, entry in enumerate(level.controls.get("size_matched", ())):
        sides = [*entry["train"], *entry["val"]], entry["test"]
        where = f"levels.{level.index}.controls.size_matched.{draw}"
        missing = [n for side in sides for n in side if n not in means.position]
        if missing:
            yield f"{where}: class {missing[0]!r} has no features"
            continue
        value = means.frechet(*(np.sort(means.rows_of(side)) for side in sides))
        if abs(entry["shift"] - value) > SHIFT_TOLERANCE * max(value, 1e-12):
            yield f"{where}.shift is {entry['shift']:.8g}, the features give {value:.8g}"


def _list_problems(level: LevelToCheck) -> Iterator[str]:
    yield from _side_problems(level.train, level.val, level.test)
    reverse = level.controls.get("reverse")
    if reverse:
        both = sorted([*reverse["train"], *reverse["val"]])
        if both != list(level.test):
            yield "controls.reverse: its train and val together must be the test classes"
    ceiling = level.controls.get("ceiling")
    if ceiling and not set(ceiling["classes"]) <= set(level.test):
        yield "controls.ceiling: its classes must be test classes"
    for draw, entry in enumerate(level.controls.get("size_matched", ())):
        for text in _side_problems(entry["train"], entry["val"], entry["test"]):
            yield f"controls.size_matched.{draw}.{text}"


def _side_problems(train: Sequence[str], val: Sequence[str], test: Sequence[str]) -> Iterator[str]:
    sides = {"train": train, "val": val, "test": test}
    for side, names in sides.items():
        if list(names) != sorted(set(names)):
            yield f"{side}: class names must be unique and sorted"
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = sorted(set(sides[one]) & set(sides[other]))
        if shared:
            yield f"{one} and {other} share {len(shared)} classes, first {shared[0]!r}"


def _count_problems(level: LevelToCheck, ladder: LadderToCheck) -> Iterator[str]:
    unknown = [n for n in level.training_side + level.test if n not in ladder.images]
    if ladder.images and unknown:
        yield f"class {unknown[0]!r} has no entry in images"
        return
    expected = level_counts(level.train, level.val, level.test, ladder.images)
    for key in sorted(expected.keys() | level.counts.keys()):
        if expected.get(key) != level.counts.get(key):
            yield (
                f"counts.{key} is {level.counts.get(key)}, the class lists give {expected.get(key)}"
            )


def level_counts(
    train: Sequence[str], val: Sequence[str], test: Sequence[str], images: Mapping[str, int]
) -> dict[str, int]:
    """Classes of each side, and images where ``images`` (class -> count) knows any."""
    counts: dict[str, int] = {}
    for side, names in (("train", train), ("val", val), ("test", test)):
        counts[f"{side}_classes"] = len(names)
        if images:
            counts[f"{side}_images"] = sum(images[name] for name in names)
    return counts
