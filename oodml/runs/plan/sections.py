"""The parts of a spec: typed models that refuse unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oodml.core.fields import Number, Seed, Whole
from oodml.evaluation import DEFAULT_METRICS
from oodml.features.preprocessing import MOST_PIXELS
from oodml.shift.rules import DEFAULTS
from oodml.training.settings import MOST_ITEMS

Shots = Annotated[Whole, Field(ge=1, le=100_000)]


class Section(BaseModel):
    """A table of a spec."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureSettings(Section):
    """Which frozen backbone measures the shift, gives the features and is trained."""

    backbone: str = "tf_efficientnet_lite0"
    image_size: Whole | None = Field(None, ge=8, le=MOST_PIXELS, description="input side in pixels")
    batch_size: Whole = Field(64, ge=1, le=MOST_ITEMS)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    engine: str = Field("auto", description="what the network runs in, see register_engine")


class LadderEntry(Section):
    """An existing ladder (``path``), or how to generate one from the features.

    The defaults are those of :func:`oodml.generate_ladder`, but for two that files of schema 1
    promise: generator ``oodml`` with 4 levels, where the function makes 6 with ``target``; and
    ``start``, which the function takes as ``default_split``. ``options`` holds what else the
    function and its generator take, such as ``remove_classes``. ``targets = [...]`` is short for
    ``options.targets``; with ``targets`` or ``steps`` there is one level each.
    """

    path: Path | None = None
    generator: str = "oodml"
    start: Literal["conventional", "halves", "random"] = Field(
        "conventional",
        description="partition the search starts from: the data set's conventional split where it "
        "has one, the first and second half of the sorted classes, or seeded random halves",
    )
    levels: Whole = Field(4, ge=1, le=10_000)
    steps: tuple[str | Whole, ...] | None = Field(
        None, min_length=1, description='levels by the papers\' names, such as "-20", "0", "R22"'
    )
    seed: Seed = DEFAULTS.seed
    val_fraction: Number = Field(DEFAULTS.val_fraction, gt=0, lt=1)
    shots: tuple[Shots, ...] = DEFAULTS.shots
    episodes: Whole = Field(DEFAULTS.episodes, ge=1, le=100_000)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _one_level_each(cls, raw: Any) -> Any:
        """Targets go to the options; they, or the steps, say how many levels there are."""
        if not isinstance(raw, dict):
            return raw
        values, options = dict(raw), raw.get("options", {})
        if "targets" in values and isinstance(options, dict):
            if "targets" in options:
                raise ValueError("targets stand twice, here and in options; leave one out")
            options = values["options"] = {**options, "targets": values.pop("targets")}
        for key, given in (
            ("steps", values.get("steps")),
            ("targets", options.get("targets") if isinstance(options, dict) else None),
        ):
            if not isinstance(given, list | tuple) or not given:
                continue
            levels = values.setdefault("levels", len(given))
            if levels != len(given):
                raise ValueError(
                    f"levels is {levels!r}, but {len(given)} {key} are given; leave levels out"
                )
        return values

    @property
    def level_count(self) -> int:
        """How many levels the ladder is made with."""
        return self.levels if self.steps is None else len(self.steps)


class EvaluationSettings(Section):
    """The short form of the two default tasks, ``retrieval`` and ``k-shot``."""

    metrics: tuple[str, ...] = Field(DEFAULT_METRICS, min_length=1)
    similarity: Literal["cosine", "dot", "euclidean"] = "cosine"
    shots: tuple[Shots, ...] = Field((5,), description="k of the k-shot accuracies")
    episodes: Whole = Field(
        10, ge=1, le=100_000, description="episodes a k, of those in the ladder"
    )


class TaskEntry(BaseModel):
    """A task and the parameters that differ from their defaults."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class MethodEntry(BaseModel):
    """A method: by name or preset, with the hyper-parameters that differ from their defaults.

    Attributes:
        name: a registered method; may be left out where ``preset`` names one.
        preset: a named set of values with their source, such as "sec/cub200/triplet".
        regularizers: what is added to the method's loss, handed to ``create_method``.
        training: settings of ``[training]`` that differ for this method alone.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str | None = None
    preset: str | None = None
    regularizers: tuple[Any, ...] | None = None
    training: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named(self) -> MethodEntry:
        if self.name is None and self.preset is None:
            raise ValueError("needs a name (or a preset)")
        return self

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})
