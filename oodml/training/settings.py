"""The protocol's training settings: the same for every method of a benchmark, unless it says so."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from oodml.core.fields import Flag, Number, Whole
from oodml.features.preprocessing import MOST_PIXELS

# More would not fit in memory: a batch has a matrix of all its pairs, a head one of its columns.
MOST_ITEMS = 16_384
MOST_COLUMNS = 65_536
# Settings that came after results had been made. They enter an identity only where they are not at
# their default, so that what was computed before them keeps its own.
_ADDED = (
    "initialisation",
    "schedule",
    "warmup_steps",
    "freeze_backbone_steps",
    "clip_gradient",
    "augmentation",
    "augmentation_options",
    "store",
    "batch_rule",
    "batch_rule_options",
    "micro_batch",
    "compile",
    "channels_last",
    "deterministic",
)


class TrainingSettings(BaseModel):
    """How a method is trained. Part of each cell's identity.

    ``mode`` "head" trains a head on cached features (the backbone is frozen); "last-layer" trains a
    head too, on what the frozen backbone makes of augmented images; "network" trains both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["head", "last-layer", "network"] = "head"
    selection: str = "fixed-steps"
    selection_options: dict[str, Any] = Field(
        default_factory=dict, description="parameters of the selection rule"
    )
    steps: Whole = Field(300, ge=1, le=10**9, description="updates")
    batch_size: Whole = Field(120, ge=2, le=MOST_ITEMS, description="items an update")
    embedding_dim: Whole | None = Field(
        None,
        ge=1,
        le=MOST_COLUMNS,
        description="columns of the embedding; by default as many as the features have",
    )
    head_start: Literal["projection", "random"] = Field(
        "projection",
        description="what the head begins as: the features themselves (their leading principal "
        "directions where the embedding is narrower), or random weights",
    )
    initialisation: Literal["backbone", "torch", "xavier", "normal", "normal-biases"] = Field(
        "backbone",
        description="weights a network begins with: the backbone's own, or others for every cell; "
        "the head is then drawn alike, whatever head_start says. Of a frozen backbone it is the "
        "head alone that is drawn",
    )
    input_length: Number = Field(
        0.0, ge=0, description="features are scaled to this length; 0 leaves them as they are"
    )
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Number = Field(1e-4, gt=0, description="of the head and the terms")
    backbone_learning_rate: Number = Field(1e-5, gt=0, description="of the backbone, mode network")
    milestones: tuple[Whole, ...] = Field(
        (), description="updates after which the learning rates are multiplied by decay"
    )
    decay: Number = Field(0.1, gt=0, description="factor at each milestone")
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="of the learning rates between milestones; cosine ends at zero"
    )
    warmup_steps: Whole = Field(
        0, ge=0, le=10**9, description="updates over which the learning rates rise from zero"
    )
    freeze_backbone_steps: Whole = Field(
        0, ge=0, le=10**9, description="first updates, which train all but the backbone"
    )
    weight_decay: Number = Field(1e-4, ge=0, description="not of a head's batch norm")
    clip_gradient: Number = Field(
        0.0, ge=0, description="largest norm of all gradients together; 0 leaves them as they are"
    )
    evaluate_every: Whole = Field(
        100, ge=1, le=10**9, description="steps between scores for the selection"
    )
    freeze_batch_norm: Flag = Field(True, description="backbone batch norm stays as pretrained")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    augmentation: str = Field(
        "random-resized-crop",
        description="recipe of the training views of images; cached features have none",
    )
    augmentation_options: dict[str, Any] = Field(
        default_factory=dict, description="parameters of another recipe than the default"
    )
    store: Whole = Field(
        0,
        ge=0,
        le=MOST_PIXELS,
        description="short side of images resized beforehand that views are cut from; 0: decode each time",
    )
    batch_rule: str = Field(
        "method", description="which items an update sees; by default the method's own rule"
    )
    batch_rule_options: dict[str, Any] = Field(
        default_factory=dict, description="parameters of the batch rule"
    )
    micro_batch: Whole = Field(
        0,
        ge=0,
        le=MOST_ITEMS,
        description="rows that go through the backbone together, which saves memory; the loss is "
        "that of the whole batch. 0 for all",
    )
    compile: Flag = Field(False, description="torch.compile of the backbone")
    channels_last: Flag = Field(False, description="memory layout of images in the backbone")
    deterministic: Flag = Field(False, description="only operations that repeat exactly")
    min_crop: Number = Field(0.16, gt=0, le=1, description="least area share of a random crop")
    flip: Flag = Field(True, description="mirror half of the training images")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_mode(cls, values: Any) -> Any:
        """On frozen features the input length is 10 unless it is given: raw features of different
        backbones differ tenfold in length, and no learning rate suits all."""
        if isinstance(values, dict) and values.get("mode", "head") != "network":
            return {"input_length": 10.0, **values}
        return values

    @field_validator("milestones")
    @classmethod
    def _growing(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)) or (value and value[0] < 1):
            raise ValueError("expected growing whole numbers of at least 1")
        return value

    @field_validator("min_crop", "flip")
    @classmethod
    def _of_the_default_recipe(cls, value: Any, info: ValidationInfo) -> Any:
        """They would have no effect on the views of a recipe that has values of its own."""
        fields, recipe = cls.model_fields, info.data.get("augmentation")
        changed = value != fields[str(info.field_name)].default
        if changed and recipe not in (None, fields["augmentation"].default):
            raise ValueError(
                f"belongs to augmentation {fields['augmentation'].default!r}; give {recipe!r} its "
                "own in augmentation_options"
            )
        return value

    def identity(self) -> dict[str, Any]:
        """JSON form that identifies a training; settings that are newer than it only if given."""
        plain = self.model_dump(mode="json")
        for name in _ADDED:
            field = type(self).model_fields[name]
            if plain[name] == field.get_default(call_default_factory=True):
                del plain[name]
        return plain

    def for_steps(self, steps: int) -> TrainingSettings:
        """The same for so many steps at constant learning rates: those of another training."""
        return self.model_copy(
            update={
                "steps": steps,
                "milestones": (),
                "schedule": "constant",
                "warmup_steps": 0,
                "freeze_backbone_steps": 0,
            }
        )

    @property
    def parts(self) -> Literal["all", "head"]:
        """What is trained of a network: on cached features the head is all there is."""
        return "head" if self.mode == "last-layer" else "all"

    def at_rate(self, factor: float) -> TrainingSettings:
        """The same with all learning rates times ``factor``."""
        return self.model_copy(
            update={
                "learning_rate": self.learning_rate * factor,
                "backbone_learning_rate": self.backbone_learning_rate * factor,
            }
        )
