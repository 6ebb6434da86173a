"""ONNX Runtime on the CPU: the network as one optimised graph, several times as fast as eager."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from oodml.core.threads import available_threads
from oodml.features.engines.engine import Engine, EngineUnfit, register_engine
from oodml.features.engines.onnx_export import INPUT, exported


@register_engine("onnxruntime")
class OnnxRuntimeEngine(Engine):
    """ONNX Runtime: CPUs, float32; what torch.onnx can export."""

    def __init__(
        self, module: nn.Module, example: Tensor, device: torch.device, precision: str
    ) -> None:
        reason = self.objection(device, precision)
        if reason:
            raise EngineUnfit(reason)
        self._session = _session(exported(module, example))

    def run(self, batch: Tensor) -> Tensor:
        (rows,) = self._session.run(None, {INPUT: batch.contiguous().numpy()})
        return torch.from_numpy(rows)

    @classmethod
    def objection(cls, device: torch.device, precision: str) -> str | None:
        if device.type != "cpu":
            return f"it runs on CPUs, not on {device.type}"
        if precision != "float32":
            return f"it computes in float32, not in {precision}"
        missing = [name for name in ("onnxruntime", "onnx") if find_spec(name) is None]
        if missing:
            return f"it needs the package {missing[0]}: pip install {missing[0]}"
        return None

    @classmethod
    def libraries(cls) -> dict[str, str]:
        used = ("onnxruntime", "onnx", "onnxscript")
        return {**super().libraries(), **{name: _version(name) for name in used}}


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(torch.get_num_threads(), available_threads())
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; a graph's oddities are no news for a user
    # Threads that spin while they wait would take the cores from those that decode images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        raise EngineUnfit(f"onnxruntime refuses the exported graph ({error})") from error


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # not there, or from another distribution (onnxruntime-gpu, ...)
        return "unknown"
