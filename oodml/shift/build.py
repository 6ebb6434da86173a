"""Building a ladder: start, search, levels moved to their targets, controls, episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oodml.core.errors import DataError, UsageError
from oodml.shift.controls import level_controls
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.distance.means import ClassMeans, leave_out
from oodml.shift.generators import Generator, Partition, Problem
from oodml.shift.generators.checked import refined, searched
from oodml.shift.generators.removal import removal_stage
from oodml.shift.ladder.checks import level_counts
from oodml.shift.ladder.episodes import EpisodeTable, draw_episodes
from oodml.shift.ladder.model import Ladder, Level
from oodml.shift.placing import place_levels
from oodml.shift.rules import LadderRules
from oodml.shift.start import class_units, starting_sides
from oodml.shift.steps import partitions_of_steps
from oodml.shift.validation_classes import split_validation

MEASURE = "frechet_class_means"
_MANIFEST = (
    "backbone",
    "weights_sha256",
    "preprocessing",
    "precision",
    "engine",
    "dim",
    "key",
)


@dataclass(frozen=True)
class AboutData:
    """What is known of the data set behind the features.

    Attributes:
        superclass_of: class name -> superclass, for ``keep_superclasses``.
        default_split: conventional (train classes, test classes) to start from.
        name: of the ladder; None for data set, generator and levels.
        dataset, fingerprint: of the data set; None for what the features' manifest says.
    """

    superclass_of: Mapping[str, str] | None = None
    default_split: tuple[Sequence[str], Sequence[str]] | None = None
    name: str | None = None
    dataset: str | None = None
    fingerprint: str | None = None


def manifest_part(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a ladder records of the features it was measured on."""
    return {key: manifest[key] for key in _MANIFEST if key in manifest}


def build_ladder(
    table: LabelledFeatures, generator: Generator, rules: LadderRules, about: AboutData
) -> Ladder:
    """What ``generate_ladder`` does, given whole objects; it says what is raised."""
    means, too_few = leave_out(table.means(), rules.min_images)
    _enough_classes(means, rules, len(too_few))
    problem = generator.adjusted(_problem(means, rules, about))
    start = problem.partition(problem.left, problem.right, "start", 0)
    placed = _place(problem, generator, rules)
    rungs = tuple(
        _level(index, partition, target, start, problem, rules)
        for index, (partition, target) in enumerate(placed)
    )
    used = {n for rung in rungs for n in rung.training_side + rung.test}
    used |= {means.names[row] for row in (*start.left, *start.right)}
    few = f"fewer than {rules.min_images}"
    dataset = about.dataset or table.manifest.get("dataset", "")
    fingerprint = about.fingerprint or table.manifest.get("dataset_fingerprint", "")
    return Ladder(
        name=about.name or f"{dataset or 'ladder'}-{generator.name}-{rules.level_count}",
        dataset=str(dataset),
        dataset_fingerprint=str(fingerprint),
        features={"dim": means.dims} | manifest_part(table.manifest),
        generator=generator.name,
        options=_recorded_options(generator, rules, problem, about),
        measure=MEASURE,
        seed=rules.seed,
        levels=rungs,
        images={n: int(c) for n, c in zip(means.names, means.images, strict=True) if n in used},
        left_out=_left_out(table, {n: f"{count} image(s), {few}" for n, count in too_few.items()}),
        episode_table=_episodes(table, means, rungs, rules),
    ).sealed()


def _left_out(table: LabelledFeatures, few: Mapping[str, str]) -> dict[str, str]:
    """Reasons by class; images without a label stand under the empty name."""
    unlabelled = {"": f"{table.unlabelled} image(s) without a label"} if table.unlabelled else {}
    return {**unlabelled, **few}


def _recorded_options(
    generator: Generator, rules: LadderRules, problem: Problem, about: AboutData
) -> dict[str, Any]:
    """Rules and options as ``ladder.json`` keeps them; seed and levels stand there already."""
    recorded = rules.parameters | generator.parameters
    recorded |= {"image_tolerance": problem.image_tolerance}
    recorded |= {"from_default_split": about.default_split is not None}
    del recorded["seed"], recorded["levels"]
    if rules.steps is None:
        # What ladders recorded before there were steps stays as it is, and so does their hash.
        del recorded["steps"]
    return {k: list(v) if isinstance(v, tuple) else v for k, v in recorded.items()}


def _problem(means: ClassMeans, rules: LadderRules, about: AboutData) -> Problem:
    pinned = rules.pinned_train, rules.pinned_test
    units = class_units(means, about.superclass_of, rules.keep_superclasses)
    left, right = starting_sides(means, units, about.default_split, *pinned, rules.seed)
    fixed = np.zeros(len(means), dtype=bool)
    fixed[means.rows_of([*pinned[0], *pinned[1]])] = True
    return Problem(
        means=means,
        left=left,
        right=right,
        units=units,
        fixed=fixed,
        levels=rules.level_count,
        targets=rules.targets,
        image_tolerance=rules.image_tolerance,
        seed=rules.seed,
    )


def _place(
    problem: Problem, generator: Generator, rules: LadderRules
) -> list[tuple[Partition, float | None]]:
    """The partition of each level and its target; None for steps, which have no other aim."""
    if rules.steps is not None:
        return [(one, None) for one in partitions_of_steps(problem, generator, rules.steps)]
    return list(_placed_by_shift(problem, generator, rules))


def _placed_by_shift(
    problem: Problem, generator: Generator, rules: LadderRules
) -> list[tuple[Partition, float]]:
    """Search, remove classes, choose levels, and move each level to its target."""
    found = searched(generator, problem)
    if rules.remove_classes:
        hardest = max(found, key=lambda partition: partition.shift)
        found = [*found, *removal_stage(problem, hardest, rules.remove_classes)]
    placed = place_levels(found, rules.level_count, rules.targets)
    low = min(partition.shift for partition in found)
    high = max(partition.shift for partition in found)
    for index, (partition, target) in enumerate(placed):
        if not low <= target <= high:
            continue
        moved = refined(generator, problem, partition, target)
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
    target: float | None,
    start: Partition,
    problem: Problem,
    rules: LadderRules,
) -> Level:
    means = problem.means
    # Once more from scratch: a search may have kept its value up to date step by step.
    shift = stable_digits(means.frechet(partition.left, partition.right))
    partition = replace(partition, shift=shift)
    images = {n: int(count) for n, count in zip(means.names, means.images, strict=True)}
    side = [means.names[row] for row in partition.left]
    train, val = split_validation(side, rules.val_fraction, rules.seed)
    test = tuple(sorted(means.names[row] for row in partition.right))
    if target is not None and rules.targets is None:
        target = stable_digits(target)
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
        controls=level_controls(partition, start, means, rules.val_fraction, rules.seed),
    )


def _episodes(
    table: LabelledFeatures, means: ClassMeans, rungs: Sequence[Level], rules: LadderRules
) -> EpisodeTable | None:
    if table.image_ids is None or not rules.shots or not rules.episodes:
        return None
    ids = table.image_ids
    images_of = {
        name: [ids[row] for row in rows] for name, rows in zip(means.names, means.rows, strict=True)
    }
    return draw_episodes(
        [rung.test for rung in rungs],
        images_of,
        shots=rules.shots,
        episodes=rules.episodes,
        seed=rules.seed,
    )


def _enough_classes(means: ClassMeans, rules: LadderRules, too_few: int) -> None:
    left = f" ({too_few} more have fewer than {rules.min_images} images)" if too_few else ""
    if len(means) < 4:
        raise DataError(f"{len(means)} classes{left}; a ladder needs at least 4, two a side")
    if len(means) < rules.level_count:
        raise UsageError(
            f"{rules.level_count} levels out of {len(means)} classes{left}; ask for fewer levels"
        )
