"""The benchmark spec: TOML read into typed models; every wrong key is named."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from oodml.core.errors import UsageError
from oodml.evaluation import DEFAULT_METRICS
from oodml.evaluation.report import resolve_metrics
from oodml.methods import Method, create_method
from oodml.training import TrainingSettings, create_selection_rule

SCHEMA_VERSION = 1
# Raised by any change of split, metric or preprocessing that moves numbers; the package version
# is another thing.
PROTOCOL_VERSION = "oodml-0.1"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureSettings(_Section):
    """Which frozen backbone measures the shift, gives the features and is trained."""

    backbone: str = "tf_efficientnet_lite0"
    image_size: int | None = Field(None, ge=8, description="input side in pixels")
    batch_size: int = Field(64, ge=1)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"


class LadderSettings(_Section):
    """An existing ladder (``path``), or how to generate one from the features."""

    path: Path | None = None
    generator: str = "oodml"
    start: Literal["conventional", "halves", "random"] = Field(
        "conventional",
        description="partition the search starts from: the data set's conventional split where it "
        "has one, the first and second half of the sorted classes, or seeded random halves",
    )
    levels: int = Field(4, ge=1)
    seed: int = Field(0, ge=0)
    val_fraction: float = Field(0.25, gt=0, lt=1)
    shots: tuple[int, ...] = (2, 5, 10)
    episodes: int = Field(10, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)


class EvaluationSettings(_Section):
    """What is measured on the test classes of each level."""

    metrics: tuple[str, ...] = Field(DEFAULT_METRICS, min_length=1)
    similarity: Literal["cosine", "dot", "euclidean"] = "cosine"
    shots: tuple[int, ...] = Field((5,), description="k of the k-shot accuracies")
    episodes: int = Field(10, ge=1, description="episodes a k, of those in the ladder")


class MethodEntry(BaseModel):
    """A method and the hyper-parameters that differ from their defaults."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    def create(self) -> Method:
        return create_method(self.name, **(self.__pydantic_extra__ or {}))


class BenchmarkSpec(_Section):
    """Everything a benchmark depends on."""

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    description: str = ""
    dataset: str
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    levels: tuple[int, ...] | None = Field(None, description="rungs to run; all by default")
    features: FeatureSettings = FeatureSettings()
    ladder: LadderSettings = LadderSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    methods: tuple[MethodEntry, ...] = Field(min_length=1)

    @field_validator("seeds", "levels")
    @classmethod
    def _distinct(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and len(set(value)) != len(value):
            raise ValueError("values must be distinct")
        return value

    def resolved(self) -> dict[str, Any]:
        """JSON form with every default and every hyper-parameter written out."""
        plain: dict[str, Any] = self.model_dump(mode="json")
        plain["methods"] = [{"name": m.name, **m.create().hyper_parameters} for m in self.methods]
        return {**plain, "protocol": PROTOCOL_VERSION}


def load_spec(path: Path | str) -> BenchmarkSpec:
    """Read and check a spec file.

    Raises:
        UsageError: missing file, not TOML, or a wrong key or value; every one is named.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such spec file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    spec = parse_spec(raw, str(path))
    ladder_path = spec.ladder.path
    if ladder_path is not None and not ladder_path.is_absolute():
        # a spec and its ladder travel together, so the path is relative to the spec
        placed = spec.ladder.model_copy(update={"path": path.parent / ladder_path})
        spec = spec.model_copy(update={"ladder": placed})
    return spec


def parse_spec(raw: dict[str, Any], where: str = "spec") -> BenchmarkSpec:
    """Check a spec given as a dictionary; see ``load_spec``."""
    if raw.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise UsageError(
            f"{where}: schema_version {raw['schema_version']!r}; this oodml reads {SCHEMA_VERSION}"
        )
    try:
        spec = BenchmarkSpec.model_validate(raw)
    except ValidationError as error:
        raise UsageError("\n".join(f"{where}: {line}" for line in _explain(error))) from None
    labels = [method.create().label for method in spec.methods]  # checks names and values
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise UsageError(f"{where}: methods: {twice} stands more than once")
    create_selection_rule(spec.training.selection)
    try:
        resolve_metrics(spec.evaluation.metrics)  # before anything is trained
    except UsageError as error:
        raise UsageError(f"{where}: evaluation.metrics: {error}") from None
    return spec


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(problem["loc"][-1]), _known(problem["loc"]), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            lines.append(f"unknown key {key!r}{hint}")
        elif problem["type"] == "missing":
            lines.append(f"key {key!r} is missing")
        else:
            lines.append(f"key {key!r}: {problem['msg']}, got {problem['input']!r}")
    return lines


def _known(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = BenchmarkSpec
    for part in location[:-1]:
        inner = (
            model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        )
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
