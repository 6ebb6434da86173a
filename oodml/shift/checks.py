"""What a ladder must fulfil, each rule a function that lists what breaks it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from oodml.shift.ladder import Ladder, Level
from oodml.shift.means import ClassMeans

# Shift agrees to this relative error across processors and BLAS builds.
SHIFT_TOLERANCE = 1e-4
IMPORTED = "imported"


def structural_problems(ladder: Ladder) -> list[str]:
    """Everything that can be checked without features; empty when the ladder is sound."""
    from oodml.shift.ladder_file import content_hash

    problems: list[str] = []
    if ladder.sha256 != content_hash(ladder):
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
    problems += _episode_problems(ladder)
    return problems


def shift_problems(ladder: Ladder, means: ClassMeans) -> list[str]:
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


def _list_problems(level: Level) -> Iterator[str]:
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


def _count_problems(level: Level, ladder: Ladder) -> Iterator[str]:
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


def _episode_problems(ladder: Ladder) -> list[str]:
    table = ladder.episode_table
    if table is None:
        return []
    problems: list[str] = []
    rows = list(
        zip(
            table.level.tolist(),
            table.shots.tolist(),
            table.episode.tolist(),
            table.classes,
            table.ids,
            strict=True,
        )
    )
    if rows != sorted(set(rows)):
        problems.append("episodes: rows must be unique and sorted")
    test_of = [set(level.test) for level in ladder.levels]
    support: dict[tuple[int, int, int, str], int] = {}
    for level, shots, episode, name, _ in rows:
        if not 0 <= level < len(test_of) or name not in test_of[level]:
            problems.append(f"episodes: class {name!r} is not a test class of level {level}")
            return problems
        if not 0 <= episode < table.per_level:
            problems.append(f"episodes: episode {episode}, expected 0 to {table.per_level - 1}")
            return problems
        key = (level, shots, episode, name)
        support[key] = support.get(key, 0) + 1
    for level, names in enumerate(test_of):
        for shots in table.all_shots:
            expected = names - set(table.left_out.get((level, shots), {}))
            for episode in range(table.per_level):
                short = [n for n in expected if support.get((level, shots, episode, n)) != shots]
                if short:
                    problems.append(
                        f"episodes: level {level}, {shots} shots, episode {episode}: class "
                        f"{min(short)!r} does not have {shots} support images"
                    )
                    return problems
    return problems
