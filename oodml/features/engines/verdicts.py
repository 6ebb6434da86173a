"""What is known not to work: a network an engine was found unfit for is not exported again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from oodml.core.errors import OodmlError
from oodml.core.files import oodml_home, read_json, write_json
from oodml.core.hashing import sha256_json
from oodml.features.engines.choice import build_engine
from oodml.features.engines.engine import Engine, EngineUnfit


def build_or_recall(
    engine: type[Engine],
    module: nn.Module,
    weights_sha256: str,
    example: Tensor,
    device: torch.device,
    precision: str,
) -> Engine:
    """``build_engine``, but a refusal is kept in ``<home>/engines/`` and given at once next time.

    It is kept for these weights, this shape of input, and these versions of the engine and of the
    packages it uses; with any other the engine is tried again.

    Raises:
        EngineUnfit: now, or the last time.
    """
    subject = {
        "engine": engine.identity(),
        "libraries": engine.libraries(),
        "weights_sha256": weights_sha256,
        "input": list(example.shape[1:]),
        "device": device.type,
        "precision": precision,
    }
    path = oodml_home() / "engines" / f"{sha256_json(subject)[:16]}.json"
    known = _reason(path, subject)
    if known is not None:
        raise EngineUnfit(known)
    try:
        return build_engine(engine, module, example, device, precision)
    except EngineUnfit as error:
        write_json(path, {**subject, "reason": str(error)})
        raise


def _reason(path: Path, subject: dict[str, Any]) -> str | None:
    """The kept reason, or None when there is none, or a torn file, or one about something else."""
    try:
        kept = read_json(path)
    except OodmlError:
        return None
    if not isinstance(kept, dict) or not isinstance(kept.get("reason"), str):
        return None
    return kept["reason"] if {**subject, "reason": kept["reason"]} == kept else None
