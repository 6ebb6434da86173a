"""The key of cached features: a hash of every input that their rows depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oodml.core.hashing import sha256_json
from oodml.features.backbone import Backbone
from oodml.features.engines.engine import Engine, engine_class, list_engines
from oodml.features.preprocessing import Preprocessing


def feature_inputs(
    fingerprint: str,
    network: Backbone,
    preprocessing: Preprocessing | None,
    precision: str,
    *,
    code: Mapping[str, str],
) -> dict[str, Any]:
    """What rows depend on besides the engine, as plain JSON. Reads the backbone's weights.

    Args:
        fingerprint: of the data set.
        preprocessing: None for vectors that are taken as they are.
        code: ``backbone_code`` of the backbone's name.
    """
    inputs = {
        "dataset_fingerprint": fingerprint,
        "backbone": network.name,
        "weights_sha256": network.weights_sha256(),
        "preprocessing": preprocessing.as_manifest() if preprocessing else None,
        "precision": precision,
    }
    return {**inputs, "code": dict(code)} if code else inputs


def with_engine(inputs: dict[str, Any], engine: type[Engine]) -> dict[str, Any]:
    """The inputs of rows that an engine computes."""
    return {**inputs, "engine": engine.identity()}


def feature_key(inputs: dict[str, Any]) -> str:
    """sha256 (hex) of the inputs."""
    return sha256_json(inputs)


def engine_of_key(key: str, inputs: dict[str, Any]) -> str | None:
    """The engine with which rows of these inputs have this key; None where none has it.

    So it is known, before a row is computed, whether rows would be those of the key. "" stands
    for vectors, which no engine computes.
    """
    if inputs["preprocessing"] is None:
        return "" if feature_key(inputs) == key else None
    known = {name: feature_key(with_engine(inputs, engine_class(name))) for name in list_engines()}
    return next((name for name, one in known.items() if one == key), None)
