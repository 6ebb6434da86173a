"""What stands in ``ladder.json``, as typed models that refuse anything else."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class LevelModel(_Strict):
    index: int = Field(ge=0)
    train: list[str] = Field(min_length=1)
    val: list[str]
    test: list[str] = Field(min_length=1)
    shift: float | None = Field(ge=0)  # null: not measured
    shifts: dict[str, float]
    target: float | None
    counts: dict[str, int]
    stage: str
    step: int
    controls: dict[str, Any]


class LeftOutModel(_Strict):
    """Test classes with too few images for the episodes of one level and number of shots."""

    level: int = Field(ge=0)
    shots: int = Field(ge=1)
    classes: dict[str, int]


class EpisodesModel(_Strict):
    file: str
    sha256: str
    per_level: int = Field(ge=1)
    shots: list[int]
    left_out: list[LeftOutModel]


class LadderModel(_Strict):
    schema_version: int
    name: str
    dataset: str
    dataset_fingerprint: str
    features: dict[str, Any]
    generator: str
    options: dict[str, Any]
    measure: str
    seed: int
    levels: list[LevelModel] = Field(min_length=1)
    images: dict[str, int]
    left_out: dict[str, str]
    episodes: EpisodesModel | None
    sha256: str
