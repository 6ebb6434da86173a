"""``prepare``: make all that the cells of a benchmark need, once. Workers only read.

Writes features (in oodml's cache), and in the benchmark's folder ladders, items, plan and spec.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from oodml.core.code import code_ids
from oodml.core.errors import OodmlError, UsageError
from oodml.core.files import make_folder, read_json, write_json
from oodml.core.progress import console
from oodml.datasets import ClassDataset, load_dataset
from oodml.datasets.resized import resized_images
from oodml.features import FeatureTable, extract_features
from oodml.features.registry import create_backbone
from oodml.runs.items_file import FeatureFile, write_items
from oodml.runs.matching import LoadedLadder, load_given, matching_ladders
from oodml.runs.plan.conditions import ConditionContext, get_condition
from oodml.runs.plan.grid import grid
from oodml.runs.plan.ladders import chosen_levels, ladder_name
from oodml.runs.plan.plan_file import Plan, write_plan
from oodml.runs.plan.sections import FeatureSettings, LadderEntry
from oodml.runs.plan.selection import selection_rule
from oodml.runs.plan.settings import Setting, SplitSummary, setting_id
from oodml.runs.plan.spec import BenchmarkSpec
from oodml.runs.plan.split import ItemTable, Split
from oodml.runs.store.leftovers import sweep_leftovers
from oodml.runs.training_run import check_trainable
from oodml.shift import (
    GENERATORS,
    Ladder,
    check_episode_ids,
    generate_ladder,
    load_ladder,
)
from oodml.shift.ladder.made_from import MADE_FROM_FILE

SPEC_FILE = "spec.json"


def prepare(spec: BenchmarkSpec, folder: Path, device: str = "auto") -> Plan:
    """Make or open features and ladders of every setting and write the plan.

    What is there and fits is kept. Two runs that prepare one folder at once take turns.

    Args:
        device: Lightning Fabric accelerator for extracting features.

    Raises:
        UsageError: names in the spec that do not exist, a ladder that fits no data set, a condition
            or task that cannot be done on a ladder. Nothing is trained before.
        DataError, IntegrityError: data or files that cannot be used.
    """
    make_folder(folder)
    with _alone(folder):
        settings = tuple(_settings(spec, folder, device))
        _check_conditions(spec, settings)
        cells = tuple(grid(spec, settings))
        plan = Plan(spec.name, spec.sha256, settings, cells)
        write_json(folder / SPEC_FILE, spec.resolved())
        write_plan(folder, plan)
        sweep_leftovers(folder, {cell.run_id for cell in cells})
    return plan


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one run prepares a folder at a time; another one waits, and says so."""
    lock = FileLock(folder / ".prepare.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.print(f"another run prepares {folder}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class _Wanted:
    """A setting to make: its data, features and ladder entry, and the name of the ladder's folder."""

    dataset: ClassDataset
    features: FeatureSettings
    entry: LadderEntry
    given: Ladder | None
    folder: str


def _settings(spec: BenchmarkSpec, folder: Path, device: str) -> Iterable[Setting]:
    # names and files first: a wrong one is found before hours of extraction
    given = load_given(spec.ladders)
    datasets = [load_dataset(name) for name in spec.datasets]
    listed = _wanted(spec, datasets, given)
    for wanted in listed:
        if wanted.given is not None:
            _splits(spec, wanted.given, wanted.dataset)
    tables: dict[tuple[str, FeatureSettings], FeatureTable] = {}
    for wanted in listed:
        key = wanted.dataset.name, wanted.features
        if key not in tables:
            tables[key] = extract_features(
                wanted.dataset,
                wanted.features.backbone,
                image_size=wanted.features.image_size,
                batch_size=wanted.features.batch_size,
                precision=wanted.features.precision,
                device=device,
                engine=wanted.features.engine,
            )
        _resize(spec, wanted)
        yield _setting(spec, folder, wanted, tables[key])


def _resize(spec: BenchmarkSpec, wanted: _Wanted) -> None:
    """Make the stores of resized images that the methods' training cuts its views from."""
    view = create_backbone(wanted.features.backbone).preprocessing
    if view is None:
        return
    trainings = [planned.training for planned in spec.methods() if planned.method.trains]
    sides = {one.store for one in trainings if one.mode != "head" and one.store}
    for side in sorted(sides):
        resized_images(wanted.dataset, side, view.interpolation)


def _wanted(
    spec: BenchmarkSpec, datasets: list[ClassDataset], given: list[LoadedLadder]
) -> list[_Wanted]:
    matches = matching_ladders(given, datasets)
    several = len(spec.features) > 1
    found: list[_Wanted] = []
    for dataset in datasets:
        for entry, ladder in matches[dataset.name]:
            for features in spec.features:
                name = ladder.name if ladder is not None else ladder_name(dataset.name, entry)
                name = _file_name(f"{name}-{features.backbone}" if several else name)
                taken = {one.folder for one in found}
                choices = [name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))]
                free = next(one for one in choices if one not in taken)
                found.append(_Wanted(dataset, features, entry, ladder, free))
    return found


def _setting(spec: BenchmarkSpec, folder: Path, wanted: _Wanted, table: FeatureTable) -> Setting:
    ladder_folder = f"ladders/{wanted.folder}"
    if wanted.given is not None:
        ladder = wanted.given
        _keep(ladder, folder / ladder_folder)
    else:
        ladder = _generated(wanted.entry, wanted.dataset, table, folder / ladder_folder)
    dataset = wanted.dataset
    splits = _splits(spec, ladder, dataset)
    identity = setting_id(dataset.fingerprint, ladder.sha256, table.key)
    items_file = f"settings/{identity}/items.parquet"
    write_items(folder / items_file, _items(dataset), FeatureFile.of(table))
    return Setting(
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        ladder=ladder.name,
        ladder_sha256=ladder.sha256,
        shift_measure=ladder.measure,
        backbone=str(table.manifest["backbone"]),
        image_size=wanted.features.image_size,
        features_key=table.key,
        pretraining=str(table.manifest.get("pretraining") or "unknown"),
        ladder_folder=ladder_folder,
        items_file=items_file,
        splits=tuple(SplitSummary.of(split) for split in splits),
    )


def _items(dataset: ClassDataset) -> ItemTable:
    return ItemTable(dataset.image_ids, dataset.labels, dataset.class_names)


def _splits(spec: BenchmarkSpec, ladder: Ladder, dataset: ClassDataset) -> list[Split]:
    """The splits of all conditions, checked: what would fail after hours of training fails now."""
    context = ConditionContext(
        ladder, _items(dataset), chosen_levels(spec.levels, len(ladder.levels))
    )
    splits = [split for name in spec.conditions for split in get_condition(name)(context)]
    rules = [
        selection_rule(planned.training) for planned in spec.methods() if planned.method.trains
    ]
    tasks = spec.tasks()
    shots = sorted({k for task in tasks for k in task.episode_shots()})
    if shots and "forward" in spec.conditions:
        for level in context.levels:
            check_episode_ids(ladder, dataset.image_ids, level, shots)
    for split in splits:
        for rule in rules:
            check_trainable(split, rule)
        for task in tasks:
            try:
                task.check_split(split, ladder)
            except UsageError as error:
                raise UsageError(f"task {task.name!r}: {error}") from None
    return splits


def _check_conditions(spec: BenchmarkSpec, settings: tuple[Setting, ...]) -> None:
    """A condition that no level of any ladder has is a mistake; of one ladder, it is said."""
    for name in spec.conditions:
        without = [one for one in settings if all(s.condition != name for s in one.splits)]
        if len(without) == len(settings):
            raise UsageError(
                f"condition {name!r}: no level of ladder {settings[0].ladder!r} has such a split"
                " (size-matched is for levels that lost classes); drop the condition"
            )
        for setting in without:
            console.print(f"condition {name}: no level of {setting.title} has such a split")


def _keep(ladder: Ladder, folder: Path) -> None:
    """A ladder given by path, beside the results that were computed on it."""
    try:
        if load_ladder(folder).sha256 == ladder.sha256:
            return
    except OodmlError:
        pass  # not there yet, or not whole
    _keep_aside(folder)
    ladder.save(folder)


def _keep_aside(folder: Path) -> None:
    """Copy a ladder that another is about to replace: cells may have been computed on it."""
    try:
        earlier = load_ladder(folder)
    except OodmlError:
        return
    earlier.save(folder.with_name(f"{folder.name}-{earlier.sha256[:8]}"))


def _generated(
    entry: LadderEntry, dataset: ClassDataset, table: FeatureTable, folder: Path
) -> Ladder:
    """The entry's ladder, kept in ``folder`` and reused while it fits."""
    identity = {**entry.model_dump(mode="json"), "features": table.key}
    if code := code_ids([GENERATORS.get(entry.generator)]):
        identity["code"] = code
    made_from = folder / MADE_FROM_FILE
    if _made_from(made_from) == identity:
        try:
            return load_ladder(folder)
        except OodmlError as error:
            console.print(f"ladder made again: {error}", style="yellow")
    _keep_aside(folder)
    options: dict[str, Any] = dict(entry.options)
    ladder = generate_ladder(
        table,
        generator=entry.generator,
        levels=entry.levels if entry.steps is None else None,
        steps=entry.steps,
        superclass_of=dataset.superclass_of,
        default_split=_start(entry.start, dataset),
        val_fraction=entry.val_fraction,
        shots=entry.shots,
        episodes=entry.episodes,
        seed=entry.seed,
        name=ladder_name(dataset.name, entry),
        **options,
    )
    ladder.save(folder)
    write_json(made_from, identity)
    return ladder


def _made_from(path: Path) -> object:
    try:
        return read_json(path)
    except OodmlError:  # not there yet, or damaged: the ladder is made again
        return None


def _start(start: str, dataset: ClassDataset) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The partition a generator starts from; None for seeded random halves."""
    if start == "conventional":
        return dataset.default_split
    if start == "halves":
        middle = len(dataset.class_names) // 2
        return dataset.class_names[:middle], dataset.class_names[middle:]
    return None


def _file_name(text: str) -> str:
    """A name that can stand in a path: other characters become ``-``."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in text)
    return name.lstrip(".") or "ladder"
