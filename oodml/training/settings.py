"""The protocol's training settings: the same for every method of a benchmark, unless it says so."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from oodml.core.fields import Flag, Number, Whole
from oodml.features.preprocessing import MOST_PIXELS

# More would not fit in memory: a batch has a matrix of all its pairs, a head one of its columns.
MOST_ITEMS = 16_384
MOST_COLUMNS = 65_536


class TrainingSettings(BaseModel):
    """How a method is trained. Part of each cell's identity.

    ``mode`` "head" trains a head on cached features (the backbone is frozen);
    "network" trains the backbone too, on augmented images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["head", "network"] = "head"
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
        "the head is then drawn alike, whatever head_start says",
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
    weight_decay: Number = Field(1e-4, ge=0)
    evaluate_every: Whole = Field(
        100, ge=1, le=10**9, description="steps between scores for the selection"
    )
    freeze_batch_norm: Flag = Field(True, description="backbone batch norm stays as pretrained")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    augmentation: str = Field(
        "random-resized-crop", description="recipe of the training views of images, mode network"
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
    min_crop: Number = Field(0.16, gt=0, le=1, description="least area share of a random crop")
    flip: Flag = Field(True, description="mirror half of the training images")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_mode(cls, values: Any) -> Any:
        """On cached features the input length is 10 unless it is given: raw features of different
        backbones differ tenfold in length, and no learning rate suits all."""
        if isinstance(values, dict) and values.get("mode", "head") == "head":
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

    def at_rate(self, factor: float) -> TrainingSettings:
        """The same with all learning rates times ``factor``."""
        return self.model_copy(
            update={
                "learning_rate": self.learning_rate * factor,
                "backbone_learning_rate": self.backbone_learning_rate * factor,
            }
        )
