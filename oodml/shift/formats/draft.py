"""Class splits on their way in: what a foreign file says, and how it becomes a ladder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oodml.core.errors import DataError
from oodml.shift.build import MEASURE, manifest_part
from oodml.shift.controls import level_controls
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.distance.means import ClassMeans
from oodml.shift.generators import Partition
from oodml.shift.ladder.checks import IMPORTED, level_counts
from oodml.shift.ladder.episodes import EpisodeTable, draw_episodes
from oodml.shift.ladder.model import Ladder, Level
from oodml.shift.rules import DEFAULTS
from oodml.shift.validation_classes import split_validation


@dataclass(frozen=True)
class LevelDraft:
    """Class names of one split; ``val`` None to have it drawn; shift NaN when not known."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    val: tuple[str, ...] | None = None
    shift: float = math.nan


@dataclass(frozen=True)
class SplitDraft:
    """What a foreign file says.

    Attributes:
        source: format, file name and its hash; recorded as the ladder's options.
        features: what is known of the features behind the stated shifts.
        episode_table: few-shot episodes of the file, if it has any.
        images_of: class name -> image ids, if the file lists images.
    """

    name: str
    dataset: str
    levels: tuple[LevelDraft, ...]
    source: Mapping[str, Any]
    features: Mapping[str, Any] = field(default_factory=dict)
    episode_table: EpisodeTable | None = None
    images_of: Mapping[str, Sequence[str]] | None = None


def ladder_of_draft(
    draft: SplitDraft,
    data: LabelledFeatures | None = None,
    *,
    dataset_fingerprint: str = "",
    val_fraction: float = DEFAULTS.val_fraction,
    shots: Sequence[int] = DEFAULTS.shots,
    episodes: int = DEFAULTS.episodes,
    seed: int = DEFAULTS.seed,
) -> Ladder:
    """A sealed ladder out of a foreign file's class lists.

    With features every shift is measured (what the file stated is kept as ``shifts.stated``),
    levels are put in the order of their shift, images are counted, episodes drawn unless the file
    has its own. Without features shifts stay as stated, NaN where the file states none.

    Raises:
        DataError: a class without features, or levels of equal shift.
    """
    drafts = [_with_val(level, val_fraction, seed) for level in draft.levels]
    if data is None:
        images_of = draft.images_of or {}
        images = {name: len(ids) for name, ids in sorted(images_of.items())}
        levels = [_stated(index, level, images) for index, level in enumerate(drafts)]
        table = draft.episode_table
        if table is None and images_of and shots and episodes:
            table = _drawn(levels, images_of, shots, episodes, seed)
        return _sealed(draft, levels, images, draft.features, "", table, seed)
    means = data.means()
    measured = [_measured(level, means, val_fraction, seed) for level in drafts]
    order = sorted(range(len(measured)), key=lambda i: measured[i].shift)
    levels = [replace(measured[old], index=new) for new, old in enumerate(order)]
    table = draft.episode_table
    if table is not None:
        if order != sorted(order):
            raise DataError(
                "by these features the levels stand in another order than in the file, so its "
                "episodes cannot be kept; import without features to keep its own distances"
            )
    elif data.image_ids is not None and shots and episodes:
        ids = data.image_ids
        images_of = {
            n: [ids[row] for row in rows] for n, rows in zip(means.names, means.rows, strict=True)
        }
        table = _drawn(levels, images_of, shots, episodes, seed)
    used = {name for level in levels for name in level.training_side + level.test}
    images = {n: int(c) for n, c in zip(means.names, means.images, strict=True) if n in used}
    features = {"dim": means.dims} | manifest_part(data.manifest)
    return _sealed(draft, levels, images, features, dataset_fingerprint, table, seed)


def _drawn(
    levels: Sequence[Level],
    images_of: Mapping[str, Sequence[str]],
    shots: Sequence[int],
    episodes: int,
    seed: int,
) -> EpisodeTable:
    tests = [level.test for level in levels]
    return draw_episodes(tests, images_of, shots=shots, episodes=episodes, seed=seed)


def _with_val(level: LevelDraft, fraction: float, seed: int) -> LevelDraft:
    if level.val is not None:
        return level
    train, val = split_validation(level.train, fraction, seed)
    return replace(level, train=train, val=val)


def _stated(index: int, level: LevelDraft, images: Mapping[str, int]) -> Level:
    assert level.val is not None
    return Level(
        index=index,
        train=level.train,
        val=level.val,
        test=level.test,
        shift=level.shift,
        counts=level_counts(level.train, level.val, level.test, images),
        stage=IMPORTED,
    )


def _measured(level: LevelDraft, means: ClassMeans, val_fraction: float, seed: int) -> Level:
    assert level.val is not None
    missing = [n for n in (*level.train, *level.val, *level.test) if n not in means.position]
    if missing:
        raise DataError(
            f"class {missing[0]!r} (of {len(missing)}) of the split has no features; is it another "
            "data set, or are its classes named otherwise?"
        )
    left = np.sort(means.rows_of([*level.train, *level.val]))
    right = np.sort(means.rows_of(level.test))
    shift = means.frechet(left, right)
    images = {n: int(c) for n, c in zip(means.names, means.images, strict=True)}
    partition = Partition(left, right, shift, IMPORTED, 0)
    stated = {} if math.isnan(level.shift) else {"stated": level.shift}
    return Level(
        index=0,
        train=level.train,
        val=level.val,
        test=level.test,
        shift=shift,
        shifts={MEASURE: shift} | stated,
        counts=level_counts(level.train, level.val, level.test, images),
        stage=IMPORTED,
        controls=level_controls(partition, partition, means, val_fraction, seed),
    )


def _sealed(
    draft: SplitDraft,
    levels: Sequence[Level],
    images: Mapping[str, int],
    features: Mapping[str, Any],
    fingerprint: str,
    table: EpisodeTable | None,
    seed: int,
) -> Ladder:
    return Ladder(
        name=draft.name,
        dataset=draft.dataset,
        dataset_fingerprint=fingerprint,
        features=dict(features),
        generator=IMPORTED,
        options=dict(draft.source),
        measure=MEASURE,
        seed=seed,
        levels=tuple(levels),
        images=dict(images),
        episode_table=table,
    ).sealed()
