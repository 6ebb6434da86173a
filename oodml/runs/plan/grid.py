"""The grid: all cells of a spec. Runs, estimates, dry runs and status have it from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from oodml.core.code import code_ids
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.conditions import get_condition
from oodml.runs.plan.methods import PlannedMethod
from oodml.runs.plan.selection import selection_rule
from oodml.runs.plan.settings import Setting, SplitSummary
from oodml.runs.plan.spec import PROTOCOL_VERSION, BenchmarkSpec
from oodml.runs.tasks import Task
from oodml.training import batches_of
from oodml.training.augmentation import augmentation_class


def grid(spec: BenchmarkSpec, settings: Iterable[Setting]) -> list[Cell]:
    """All cells of a spec: settings x splits x methods x seeds.

    A method that does not train depends on neither seed nor training settings: one cell a split.
    """
    tasks = spec.tasks()
    entries = [task_entry(task) for task in tasks]
    methods = [(planned, _code(planned, tasks)) for planned in spec.methods()]
    conditions = {name: code_ids([get_condition(name)]) for name in spec.conditions}
    return [
        _cell(setting, split, planned, {**code, **conditions[split.condition]}, entries, seed)
        for setting in settings
        for split in setting.splits
        for planned, code in methods
        for seed in (spec.seeds if planned.method.trains else (0,))
    ]


def task_entry(task: Task) -> dict[str, Any]:
    """What of a task enters a cell's identity."""
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in task.parameters.items()}
    return {"name": task.name, "version": task.version, "parameters": values}


def _code(planned: PlannedMethod, tasks: Sequence[Task]) -> dict[str, str]:
    """Hashes of other people's code that decides the numbers of a method's cells.

    That of generators, measures and backbones is in the hashes of ladder and features.
    """
    parts = [part for task in tasks for part in task.parts]
    if planned.method.trains:
        parts.append(type(selection_rule(planned.training)))
        parts.append(augmentation_class(planned.training.augmentation))
    try:
        parts += planned.method.parts
        parts.append(type(batches_of(planned.method, planned.training)))
    except Exception:  # anybody's code: its own cells fail and say why, the others go on
        parts.append(type(planned.method))
    return code_ids(parts)


def _cell(
    setting: Setting,
    split: SplitSummary,
    planned: PlannedMethod,
    code: dict[str, str],
    tasks: Sequence[dict[str, Any]],
    seed: int,
) -> Cell:
    method, trains = planned.method, planned.method.trains
    return Cell(
        dataset_fingerprint=setting.dataset_fingerprint,
        ladder_sha256=setting.ladder_sha256,
        backbone=setting.backbone,
        features_key=setting.features_key,
        level=split.level,
        condition=split.condition,
        draw=split.draw,
        method=method.name,
        method_version=method.full_version,
        hyper_parameters=method.hyper_parameters if trains or method.fits else {},
        training=planned.training.identity() if trains else {},
        tasks=list(tasks),
        seed=seed,
        protocol=PROTOCOL_VERSION,
        code=code,
        trained_as=split.trained_as,
        setting=setting.id,
        dataset=setting.dataset,
        ladder=setting.ladder,
        pretraining=setting.pretraining,
        label=planned.label,
        trains=trains,
        training_changes=planned.changes if trains else {},
        selection_fair=not trains or selection_rule(planned.training).fair,
        shift=split.shift,
        shift_measure=setting.shift_measure,
        train_classes=split.train_classes,
        val_classes=split.val_classes,
        test_classes=split.test_classes,
        test_images=split.test_images,
    )
