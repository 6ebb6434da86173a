"""The protocol's training settings: the same for every method of a benchmark."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """How every method of a benchmark is trained. Part of each cell's identity.

    ``mode`` "head" trains a linear embedding on cached features (the backbone is frozen);
    "network" trains the backbone too, on augmented images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["head", "network"] = "head"
    selection: str = "fixed-steps"
    selection_options: dict[str, Any] = Field(default_factory=dict)
    steps: int = Field(500, ge=1, description="updates")
    batch_size: int = Field(128, ge=2, description="items an update")
    embedding_dim: int = Field(128, ge=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, description="of the head and the objective")
    backbone_learning_rate: float = Field(1e-5, gt=0, description="of the backbone, mode network")
    weight_decay: float = Field(1e-4, ge=0)
    evaluate_every: int = Field(100, ge=1, description="steps between scores of best-val")
    freeze_batch_norm: bool = Field(True, description="backbone batch norm stays as pretrained")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    min_crop: float = Field(0.16, gt=0, le=1, description="least area share of a random crop")
    flip: bool = Field(True, description="mirror half of the training images")
