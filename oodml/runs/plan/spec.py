"""The benchmark spec: TOML read into typed models; every wrong key is named.

Schema 1 has one data set, ladder and backbone. Schema 2 makes lists of them (the benchmark runs
their product), and adds conditions, tasks and training settings of a single method.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from oodml.core.errors import DataError, UsageError
from oodml.core.fields import Seed, Whole
from oodml.core.files import read_text
from oodml.core.hashing import sha256_json
from oodml.core.values import shown
from oodml.features.engines.choice import AUTO
from oodml.features.engines.engine import engine_class
from oodml.features.registry import check_backbone_name
from oodml.methods import Method
from oodml.runs.plan.conditions import get_condition
from oodml.runs.plan.explain import explain
from oodml.runs.plan.ladders import check_entry, chosen_levels
from oodml.runs.plan.methods import PlannedMethod, planned_method
from oodml.runs.plan.naming import naming, no_twice
from oodml.runs.plan.packaged import find_spec
from oodml.runs.plan.plain import plain
from oodml.runs.plan.preset_paths import from_file, presets_beside
from oodml.runs.plan.sections import (
    EvaluationSettings,
    FeatureSettings,
    LadderEntry,
    MethodEntry,
    Section,
    TaskEntry,
)
from oodml.runs.plan.selection import selection_rule
from oodml.runs.tasks import Task, create_task
from oodml.training import TrainingSettings, batches_of
from oodml.training.augmentation import augmentation_of
from oodml.training.batches import check_batch_rule

SCHEMA_VERSIONS = (1, 2)
# Raised by any change of split, metric or preprocessing that moves numbers; the package version
# is another thing.
PROTOCOL_VERSION = "oodml-0.2"
_LISTS = ("dataset", "features", "ladder")
Level = Annotated[Whole, Field(ge=0)]


class BenchmarkSpec(Section):
    """Everything a benchmark depends on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1, 2]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)
    description: str = ""
    protocol: Literal["oodml-0.2"] = Field("oodml-0.2", description="as a resolved spec has it")
    datasets: tuple[str, ...] = Field(alias="dataset", min_length=1)
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    levels: tuple[Level, ...] | None = Field(
        None, min_length=1, description="rungs to run; all by default"
    )
    conditions: tuple[str, ...] = Field(("forward",), min_length=1)
    features: tuple[FeatureSettings, ...] = Field((FeatureSettings(),), min_length=1)
    ladders: tuple[LadderEntry, ...] = Field((LadderEntry(),), alias="ladder", min_length=1)
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings | None = None
    task_entries: tuple[TaskEntry, ...] = Field((), alias="tasks")
    method_entries: tuple[MethodEntry, ...] = Field(alias="methods", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, raw: Any) -> Any:
        """One data set, table of features or ladder is a list of one."""
        if not isinstance(raw, dict):
            return raw
        single = {key: raw[key] for key in _LISTS if isinstance(raw.get(key), str | dict)}
        return {**raw, **{key: [value] for key, value in single.items()}}

    @field_validator("seeds", "levels", "datasets", "conditions", "features", "ladders")
    @classmethod
    def _distinct(cls, value: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if value is not None and any(value.count(one) > 1 for one in value):
            raise ValueError("values must be distinct")
        return value

    def methods(self) -> list[PlannedMethod]:
        """The methods with their training settings, in the spec's order."""
        return [planned_method(entry, self.training) for entry in self.method_entries]

    def tasks(self) -> list[Task]:
        """What every cell is evaluated by, in the spec's order."""
        if self.task_entries:
            return [create_task(entry.name, **entry.parameters) for entry in self.task_entries]
        short = self.evaluation or EvaluationSettings()
        retrieval = create_task(
            "retrieval", metrics=list(short.metrics), similarity=short.similarity
        )
        if not short.shots:
            return [retrieval]
        return [
            retrieval,
            create_task("k-shot", shots=list(short.shots), episodes=short.episodes),
        ]

    def resolved(self) -> dict[str, Any]:
        """JSON form of schema 2 with every default and every hyper-parameter written out.

        It is a spec itself: running it gives the same cells.
        """
        plain: dict[str, Any] = self.model_dump(mode="json", by_alias=True)
        plain["schema_version"] = 2
        del plain["evaluation"]
        plain["tasks"] = [{"name": task.name, **task.parameters} for task in self.tasks()]
        plain["methods"] = [
            {
                "name": planned.method.name,
                **planned.method.hyper_parameters,
                # a file of the user's is no part of what is run: its values stand here
                **({"preset": entry.preset} if entry.preset and not from_file(entry) else {}),
                **({"training": planned.changes} if planned.changes else {}),
            }
            for entry, planned in zip(self.method_entries, self.methods(), strict=True)
        ]
        return plain

    @property
    def sha256(self) -> str:
        """Hash of the resolved spec but for its name and description."""
        # a setting that came later and has its default leaves a spec what it was
        content = {**self.resolved(), "training": self.training.identity()}
        return sha256_json({k: v for k, v in content.items() if k not in ("name", "description")})


def as_spec(spec: BenchmarkSpec | Path | str | dict[str, object]) -> BenchmarkSpec:
    """A BenchmarkSpec from a path, the name of one that comes with oodml, a dictionary or itself."""
    if isinstance(spec, BenchmarkSpec):
        return spec
    if isinstance(spec, dict):
        return parse_spec(spec)
    return load_spec(spec)


def read_name(path: Path | str) -> str:
    """The name in a spec file, whatever else stands in it; its methods need not be known here.

    Args:
        path: of a spec, or the name of one that comes with oodml.

    Raises:
        UsageError: missing file, not TOML, or no name.
    """
    name = _read_toml(find_spec(path)).get("name")
    if not isinstance(name, str):
        raise UsageError(f"{path}: key 'name' is missing or not a text")
    return name


def load_spec(path: Path | str) -> BenchmarkSpec:
    """Read and check a spec file.

    Args:
        path: of a spec, or the name of one that comes with oodml (a file of that name goes first).

    Raises:
        UsageError: missing file, not TOML, or a wrong key or value; every one is named.
    """
    path = find_spec(path)
    # a spec, its ladders and its presets travel together, so a path is relative to the spec
    spec = parse_spec(presets_beside(_read_toml(path), path.parent), str(path))
    placed = tuple(
        one
        if one.path is None or one.path.is_absolute()
        else one.model_copy(update={"path": path.parent / one.path})
        for one in spec.ladders
    )
    return spec.model_copy(update={"ladders": placed})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except DataError as error:
        raise UsageError(f"{error}; expected a benchmark spec, a TOML file") from None
    except RecursionError:
        raise UsageError(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError as error:  # a number beyond Python's limit of digits is not told as TOML's
        raise UsageError(f"{path}: not valid TOML: {error}") from None


def parse_spec(raw: dict[str, Any], where: str = "spec") -> BenchmarkSpec:
    """Check a spec given as a dictionary; see ``load_spec``."""
    with naming(f"{where}: "):
        raw = plain(raw)
    version = raw.get("schema_version")
    # a truth value equals 1, and is no version
    if version is not None and (type(version) is not int or version not in SCHEMA_VERSIONS):
        known = " and ".join(map(str, SCHEMA_VERSIONS))
        raise UsageError(f"{where}: schema_version {shown(version)}; this oodml reads {known}")
    try:
        spec = BenchmarkSpec.model_validate(raw)
    except ValidationError as error:
        raise UsageError("\n".join(f"{where}: {one}" for one in explain(error, raw))) from None
    if version == 1:
        _only_schema_1(raw, where)
    if spec.task_entries and spec.evaluation is not None:
        raise UsageError(
            f"{where}: give either [[tasks]] or their short form [evaluation], not both"
        )
    _check_names(spec, where)
    return spec


def _only_schema_1(raw: dict[str, Any], where: str) -> None:
    newer: list[str] = [key for key in ("conditions", "tasks") if key in raw]
    newer += [key for key in _LISTS if isinstance(raw.get(key), list)]
    newer += [
        f"methods.{key}"
        for key in ("training", "preset", "regularizers")
        if any(key in entry for entry in raw["methods"])
    ]
    if newer:
        raise UsageError(f"{where}: key {newer[0]!r} needs schema_version = 2")


def _check_names(spec: BenchmarkSpec, where: str) -> None:
    """Everything that is looked up by name, before anything is computed."""
    methods = []
    with naming(f"{where}: training"):
        _check_selection(spec.training)
        _check_input(spec.training)
    for place, entry in enumerate(spec.method_entries):
        with naming(f"{where}: methods.{place}"):
            planned = planned_method(entry, spec.training)  # checks names and values
            methods.append(planned)
            _check_selection(planned.training, "training.")
            _check_input(planned.training, planned.method, "training.")
    no_twice([planned.label for planned in methods], f"{where}: methods")
    for place, ladder in enumerate(spec.ladders):
        with naming(f"{where}: ladder.{place}" if len(spec.ladders) > 1 else f"{where}: ladder"):
            check_entry(ladder)
        if ladder.path is None:
            with naming(f"{where}: "):
                chosen_levels(spec.levels, ladder.level_count)
    for place, features in enumerate(spec.features):
        at = f"features.{place}" if len(spec.features) > 1 else "features"
        with naming(f"{where}: {at}", "backbone"):
            check_backbone_name(features.backbone)
        with naming(f"{where}: {at}", "engine"):
            if features.engine != AUTO:
                engine_class(features.engine)
    with naming(f"{where}: conditions"):
        for name in spec.conditions:
            get_condition(name)
    tasks = _checked_tasks(spec, where)
    no_twice([task.name for task in tasks], f"{where}: tasks")


def _check_selection(training: TrainingSettings, table: str = "") -> None:
    try:
        selection_rule(training)
    except UsageError as error:
        key = "selection" if error.key is None else "selection_options"
        raise UsageError(str(error), key=f"{table}{key}") from None


def _check_input(training: TrainingSettings, method: Method | None = None, table: str = "") -> None:
    """UsageError for an unknown augmentation or batch rule, or one that is not for the method."""
    try:
        augmentation_of(training)
    except UsageError as error:
        key = "augmentation" if error.key is None else "augmentation_options"
        raise UsageError(str(error), key=f"{table}{key}") from None
    try:
        if method is None:
            check_batch_rule(training)
        elif method.trains:
            batches_of(method, training)
    except UsageError as error:
        key = "batch_rule" if error.key in (None, "batch_rule") else "batch_rule_options"
        raise UsageError(str(error), key=f"{table}{key}") from None
    except Exception:  # anybody's code: its own cells fail and say why, the others go on
        return


def _checked_tasks(spec: BenchmarkSpec, where: str) -> list[Task]:
    for place, entry in enumerate(spec.task_entries):
        with naming(f"{where}: tasks.{place}", "name"):
            create_task(entry.name, **entry.parameters)
    with naming(f"{where}: evaluation"):
        tasks = spec.tasks()
    for place, task in enumerate(tasks):
        # what a task says begins with the parameter's name
        table = f"tasks.{place}" if spec.task_entries else "evaluation"
        with naming(f"{where}: {table}."):
            task.check()
    return tasks
