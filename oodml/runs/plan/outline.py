"""The settings of a spec before anything is made: for dry runs and estimates."""

from __future__ import annotations

from pathlib import Path

from oodml.core.errors import OodmlError
from oodml.runs.plan.ladders import chosen_levels, ladder_name
from oodml.runs.plan.plan_file import PLAN_FILE, read_plan
from oodml.runs.plan.sections import FeatureSettings, LadderEntry
from oodml.runs.plan.settings import Setting, SplitSummary
from oodml.runs.plan.spec import BenchmarkSpec
from oodml.shift import Ladder, load_ladder

# Drawn only for levels that lose classes, which is known once the ladder is made.
_UNKNOWN_DRAWS = "size-matched"


def outline(spec: BenchmarkSpec, folder: Path) -> tuple[Setting, ...]:
    """The settings as the folder's plan has them, or else as far as the spec tells.

    Reads no data set and no features. Without a plan, a ladder given by path is taken to fit the
    data set it names (all of them where it names none of them), and the draws of ``size-matched`` are
    left out unless the ladder is there to name them.
    """
    if (folder / PLAN_FILE).is_file():
        try:
            plan = read_plan(folder)
        except OodmlError:
            pass  # of an older version; it will be written again
        else:
            if plan.spec_sha256 == spec.sha256:
                return plan.settings
    return tuple(
        _outlined(spec, dataset, entry, features)
        for dataset in spec.datasets
        for entry in spec.ladders
        for features in spec.features
        if _may_fit(entry, dataset, spec.datasets)
    )


def _may_fit(entry: LadderEntry, dataset: str, datasets: tuple[str, ...]) -> bool:
    if entry.path is None:
        return True
    named = load_ladder(entry.path).dataset
    return named == dataset or named not in datasets


def _outlined(
    spec: BenchmarkSpec, dataset: str, entry: LadderEntry, features: FeatureSettings
) -> Setting:
    ladder = load_ladder(entry.path) if entry.path is not None else None
    count = len(ladder.levels) if ladder is not None else entry.level_count
    levels = chosen_levels(spec.levels, count)
    splits = tuple(
        SplitSummary(condition, level, draw, None, 0, 0, 0, 0, condition)
        for condition in spec.conditions
        for level in levels
        for draw in _draws(condition, level, ladder)
    )
    return Setting(
        dataset=dataset,
        dataset_fingerprint="",
        ladder=ladder.name if ladder is not None else ladder_name(dataset, entry),
        ladder_sha256=ladder.sha256 if ladder is not None else "",
        shift_measure="",
        backbone=features.backbone,
        image_size=features.image_size,
        features_key="",
        pretraining="",
        ladder_folder="",
        items_file="",
        splits=splits,
    )


def _draws(condition: str, level: int, ladder: Ladder | None) -> list[int | None]:
    if condition != _UNKNOWN_DRAWS:
        return [None]
    if ladder is None:
        return []
    return list(range(len(ladder.levels[level].controls.get("size_matched", ()))))
