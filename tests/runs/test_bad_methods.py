"""One cell's misbehaviour is that cell's failure, told as what it was; the others are computed."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_specs import SPEC, toml

import oodml
from oodml.core.interrupt import stop_cleanly
from oodml.core.registry import Registry
from oodml.runs import CellsFailed, parse_spec
from oodml.runs.executors import Job, get_executor
from oodml.runs.executors import processes as module
from oodml.runs.prepare import prepare
from oodml.runs.store.lease_files import others_at_work
from oodml.runs.work import Resources

REASONS = {
    "bad-sys-exit": "SystemExit: 0",
    "bad-interrupt": "KeyboardInterrupt",
    "bad-memory": "MemoryError",
    "bad-base": "NotAnException: of its own",
    "bad-unpicklable": "Unpicklable: held",
    "bad-unprintable": "Unprintable: (its message cannot be had: SystemExit)",
    "bad-surrogate": "ValueError: \\ud800 [/bold]",
    "bad-loud": None,
    "frozen": None,
}


@pytest.fixture
def bad_methods() -> Iterator[None]:
    """The methods of bad_methods.py, for one test."""
    before = {one: {name for _, name in one.from_outside()} for one in Registry.everyone}
    importlib.import_module("bad_methods")
    yield
    del sys.modules["bad_methods"]
    for registry, names in before.items():
        registry._forget_outsiders(but=names)


def spec(*methods: str) -> dict[str, object]:
    changes = {"seeds": [0], "levels": [0], "ladder": {"levels": 2, "shots": [2], "episodes": 2},
               "tasks": [{"name": "retrieval"}], "schema_version": 2,
               "methods": [{"name": name} for name in methods]}  # fmt: skip
    return {**{key: value for key, value in SPEC.items() if key != "evaluation"}, **changes}


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_whatever_a_method_raises_is_its_cells_failure(
    vector_data: str, bad_methods: None, tmp_path: Path, executor: str,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"
    plan = prepare(parse_spec(spec(*REASONS, "bad-endless")), out)
    job = Job(out, Resources(), 1, len(plan.cells))
    with stop_cleanly():
        outcomes = list(get_executor(executor)(job))
    found = {one.title.split(",")[0]: one.failure for one in outcomes}
    endless = found.pop("bad-endless")
    assert found == REASONS
    assert endless is not None
    assert endless.startswith("ValueError: mmm")
    assert len(endless) < 3_000
    notes = {path: json.loads(path.read_text()) for path in out.glob("failed/*.json")}
    assert len(notes) == len(REASONS) - 2 + 1
    assert all(len(one["traceback"]) < 30_000 for one in notes.values())
    printed = capfd.readouterr()
    assert "x" * 10_000_000 in (printed.err if executor == "processes" else printed.out)
    assert "Traceback" not in printed.err


def test_deaths_are_told_by_what_they_were(
    vector_data: str, bad_methods: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = ["bad-exit", "bad-segfault", "bad-killed", "frozen"]
    out = tmp_path / "out"
    plan = prepare(parse_spec(spec(*names)), out)
    job = Job(out, Resources(most_deaths=1), 2, len(plan.cells))
    outcomes = {one.title.split(",")[0]: one.failure for one in get_executor("processes")(job)}
    said = "1 worker(s) died while running it ({}); it was not tried again in this run"
    killed = "SIGKILL, perhaps by the system for lack of memory"
    assert outcomes == {
        "bad-exit": said.format("exit code 3"),
        "bad-segfault": said.format("SIGSEGV"),
        "bad-killed": said.format(killed),
        "frozen": None,
    }
    printed = " ".join(capfd.readouterr().err.split())
    assert "a worker died (exit code 3) at bad-exit, level 0" in printed
    assert not list((out / "leases").iterdir())
    assert {json.loads(p.read_text())["reason"] for p in out.glob("failed/*.json")} == {
        one for one in outcomes.values() if one
    }


def test_workers_that_die_before_a_cell_end_the_run(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    prepare(parse_spec(spec("frozen")), out)
    monkeypatch.setattr(module, "_RUN", "os:_exit")
    with pytest.raises(oodml.core.errors.OodmlError, match="3 worker processes ended"):
        list(get_executor("processes")(Job(out, Resources(), 1, 1)))


def test_a_run_that_died_at_a_cell_is_told_by_the_next(
    vector_data: str, bad_methods: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "spec.toml"
    file.write_text(toml(spec("bad-exit", "frozen")))
    code = "import sys, bad_methods, oodml; oodml.run(*sys.argv[1:], executor='serial')"
    path = str(Path(__file__).parent)
    died = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({path!r}); {code}", file, out],
        check=False,
    )
    assert died.returncode == 3
    assert not others_at_work(out)
    from bad_methods import DEADLY

    DEADLY["exit"] = lambda: 1 / 0
    capfd.readouterr()
    with pytest.raises(CellsFailed, match="1 of 2 cells failed, the first: bad-exit"):
        oodml.run(file, out, executor="serial")
    said = " ".join(capfd.readouterr().err.split())
    assert "an earlier run ended while at work on bad-exit, level 0" in said
