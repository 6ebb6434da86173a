"""What is known to fail, before anything long starts: dry runs and runs ask the same questions.

Nothing is made, read in full, rendered or computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oodml.core.errors import OodmlError, UsageError
from oodml.core.hints import name_hint
from oodml.core.targets import check_folder_target
from oodml.datasets.load import check_dataset, holds_vectors
from oodml.features.backbone import Backbone
from oodml.features.engines import candidates
from oodml.features.engines.precision import fabric_of
from oodml.features.extract import check_fits
from oodml.features.registry import create_backbone
from oodml.runs.executors import get_executor
from oodml.runs.matching import load_given
from oodml.runs.model_size import check_size
from oodml.runs.plan.ladders import chosen_levels
from oodml.runs.plan.sections import FeatureSettings, LadderEntry
from oodml.runs.plan.spec import BenchmarkSpec
from oodml.runs.results.earlier import earlier_plan
from oodml.runs.training_checks import check_training
from oodml.shift import Ladder
from oodml.training.launch import check_devices
from oodml.training.loggers import check_logger


def check_before(
    spec: BenchmarkSpec,
    folder: Path,
    *,
    device: str = "auto",
    devices: int = 1,
    logger: str = "",
    executor: str = "processes",
    where: str = "spec",
) -> None:
    """Raise now what a run of the spec would raise later.

    Args:
        folder: the benchmark's.
        device: Lightning Fabric accelerator.
        devices: that train a cell together.
        logger: that gets the lines of trainings' logs; "" for none.
        executor: the name of one.
        where: the spec's file, for messages about its content.

    Raises:
        UsageError: no such executor, device, logger, data set or level here, a folder that cannot
            be written or holds another benchmark, a backbone, engine, data set or training that do
            not go together, a model that does not fit in memory.
        OodmlError: a package or file that is missing; a ladder that is not whole.
    """
    get_executor(executor)
    check_folder_target("--out", folder)
    earlier_plan(folder, spec.name)
    fabric_of(device, "float32")
    check_devices(device, devices)
    if logger:
        check_logger(logger)
    for name in spec.datasets:
        with _about(f"{where}: dataset"):
            check_dataset(name)
    with _about(f"{where}: ladder.path"):
        given = load_given(spec.ladders)
    for entry, ladder in given:
        with _about(where):
            if ladder is not None:
                chosen_levels(spec.levels, len(ladder.levels))
            _check_shots(spec, entry, ladder)
    for features in spec.features:
        with _about(f"{where}: features"):
            network = _checked_network(features, device)
            for name in spec.datasets:
                vectors = holds_vectors(name)
                if vectors is not None:
                    check_fits(network, name, vectors=vectors)
        for place, planned in enumerate(spec.methods()):
            with _about(f"{where}: methods.{place}"):
                check_training(planned, network, device, devices)
                check_size(planned, network)


def check_metric(spec: BenchmarkSpec, metric: str) -> None:
    """UsageError where no task of a spec gives a metric."""
    tasks = spec.tasks()
    if not any(task.makes(metric) for task in tasks):
        known = [name for task in tasks for name in task.metric_names()]
        raise UsageError(
            f"--metric {metric}: no task of the spec gives it; {name_hint(metric, known)}"
        )


def first_metric(spec: BenchmarkSpec, wanted: str = "recall_at_1") -> str:
    """``wanted`` where a spec gives it, else the first metric it is known to give."""
    tasks = spec.tasks()
    known = [name for task in tasks for name in task.metric_names()]
    return wanted if not known or wanted in known else known[0]


def _check_shots(spec: BenchmarkSpec, entry: LadderEntry, ladder: Ladder | None) -> None:
    """Episodes of condition forward are the ladder's own; the other conditions draw theirs."""
    if "forward" not in spec.conditions:
        return
    known: tuple[int, ...] = entry.shots
    if ladder is not None:
        known = () if ladder.episode_table is None else ladder.episode_table.all_shots
    for place, task in enumerate(spec.tasks()):
        missing = [one for one in task.episode_shots() if one not in known]
        if missing:
            table = f"tasks.{place}" if spec.task_entries else "evaluation"
            has = ", ".join(map(str, known)) or "none"
            raise UsageError(
                f"{table}.shots: the ladder has no {missing[0]}-shot episodes (it has: {has}); "
                "change shots here or there"
            )


def _checked_network(features: FeatureSettings, device: str) -> Backbone:
    network = create_backbone(features.backbone)
    network.check_installed()
    if network.preprocessing is None:
        return network
    network.preprocessing.at_size(features.image_size)
    place = fabric_of(device, features.precision).device
    candidates(features.engine, place, features.precision)
    return network


@contextmanager
def _about(where: str) -> Iterator[None]:
    """Errors of the block, with the place in the spec before them."""
    try:
        yield
    except OodmlError as error:
        raise type(error)(f"{where}: {error}") from None
