"""Workers on one folder: two drivers, killed workers, killed drivers, and what workers may not do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_specs import SMALL, SPEC, opened, records, toml

import oodml
from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.this_process import host_name
from oodml.runs import CellsFailed, Workbench, parse_spec, read_results
from oodml.runs.executors import Job, get_executor, register_executor, registry
from oodml.runs.prepare import prepare
from oodml.runs.store.leases import MOST_DEATHS, Leases
from oodml.runs.store.status import benchmark_status
from oodml.runs.work import Outcome, Resources, work

SLOW = dict(SPEC, training=dict(SPEC["training"], steps=80))


def wait_until(true: Callable[[], object], process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert process is None or process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def start(spec_file: Path, out: Path, executor: str = "serial") -> subprocess.Popen:
    command = [sys.executable, "-m", "oodml", "run", str(spec_file), "--out", str(out)]
    command += ["--executor", executor, "--workers", "2"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_workers_only_read(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither data set nor backbone is opened, nothing is extracted, no input is hashed."""
    from oodml.core import hashing
    from oodml.features import extract, table
    from oodml.runs import workbench

    out = tmp_path / "out"
    plan = prepare(parse_spec(SPEC), out)
    inputs = [out / "plan.json", *out.glob("ladders/*/*"), *out.glob("settings/*/*")]
    before = {path: path.stat().st_mtime_ns for path in inputs}

    def forbidden(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("a worker must not do this")

    for module, name in [
        (hashing, "sha256_file"), (table, "sha256_file"), (table, "open_cache"),
        (extract, "open_cache"), (extract, "extract_features"), (workbench, "load_dataset"),
        (workbench, "create_backbone"),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, forbidden)
    outcomes = list(work(out, Resources()))
    assert [one.failure for one in outcomes] == [None] * len(plan.cells)
    assert {path: path.stat().st_mtime_ns for path in inputs} == before


def test_a_workbench_refuses_other_features_and_ladders(vector_data: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan, bench, _ = opened(parse_spec(SPEC), out)
    setting = plan.settings[0]
    manifest = Path(bench.features.filename).parent / "manifest.json"  # type: ignore[attr-defined]
    text = manifest.read_text()
    manifest.write_text(text.replace(setting.features_key, "0" * 64))
    with pytest.raises(
        IntegrityError, match=r"manifest\.json: its content does not match its seal"
    ):
        Workbench.open(out, setting)
    manifest.write_text(text)
    matrix = manifest.with_name("features.npy")
    rows = matrix.read_bytes()
    matrix.write_bytes(rows[:-1] + bytes([rows[-1] ^ 1]))
    with pytest.raises(IntegrityError, match=r"features\.npy: content differs from its hash"):
        Workbench.open(out, setting)
    matrix.write_bytes(rows)
    ladder = out / setting.ladder_folder / "ladder.json"
    whole = ladder.read_text()
    name = bench.ladder.levels[0].test[0]
    for changed in (
        whole.replace(setting.ladder_sha256, "1" * 64),
        whole.replace(f'"{name}"', f'"{name}x"'),
    ):
        ladder.write_text(changed)
        with pytest.raises(IntegrityError, match="the plan was made with"):
            Workbench.open(out, setting)
    prepare(parse_spec(SPEC), out)
    Workbench.open(out, setting)


def test_two_may_prepare_at_once(vector_data: str, tmp_path: Path) -> None:
    out, found = tmp_path / "out", []
    threads = [
        threading.Thread(target=lambda: found.append(prepare(parse_spec(SPEC), out)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert found[0] == found[1] == found[2]


def test_two_drivers_share_the_cells(spec_file: Path, tmp_path: Path) -> None:
    spec_file.write_text(toml(SLOW))
    whole = oodml.run(spec_file, tmp_path / "whole", executor="serial")
    out = tmp_path / "out"
    both = [start(spec_file, out), start(spec_file, out)]
    printed = [one.communicate(timeout=200)[0].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], printed
    pd.testing.assert_frame_equal(read_results(out), whole)
    assert not list((out / "leases").iterdir())


def test_work_waits_for_another_run_and_says_so(
    vector_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    plan = prepare(parse_spec(SMALL | {"tasks": [{"name": "retrieval"}]}), out)
    lease = out / "leases" / f"{plan.cells[0].run_id}.0.json"
    lease.parent.mkdir()
    theirs = {"owner": "x", "run": "theirs", "host": "elsewhere", "pid": 1, "beat": 0}
    lease.write_text(json.dumps(theirs))
    outcomes: list[Outcome] = []
    mine = threading.Thread(target=lambda: outcomes.extend(work(out, Resources(stale_s=2.0))))
    mine.start()
    mine.join()
    assert "another run is at work" in "".join(capsys.readouterr())
    assert len(outcomes) == len(plan.cells)
    assert outcomes[-1].run_id == plan.cells[0].run_id, "taken over when it was stale"
    assert outcomes[-1].own


def test_another_run_at_work_is_told_from_the_start(
    vector_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    plan = prepare(parse_spec(SMALL | {"tasks": [{"name": "retrieval"}]}), out)
    with Leases(out, "theirs") as theirs:
        assert theirs.claim(plan.cells[0].run_id) is not None
        assert benchmark_status(out)["running"] == 1
        outcomes = get_executor("serial")(Job(out, Resources(), 1, len(plan.cells)))
        assert next(outcomes).run_id != plan.cells[0].run_id
        outcomes.close()  # type: ignore[attr-defined]
    said = " ".join(capsys.readouterr().err.split())
    assert f"another run is at work on {out} (process {os.getpid()} on " in said
    assert "its cells are shared" in said


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_worker_is_named_and_its_cell_is_run_again(
    spec_file: Path, tmp_path: Path
) -> None:
    slow = dict(SPEC, training=dict(SPEC["training"], steps=300))
    spec_file.write_text(toml(slow))
    whole = oodml.run(spec_file, tmp_path / "whole", executor="serial")
    out = tmp_path / "out"
    process = start(spec_file, out, "processes")
    wait_until(lambda: len(records(out)) >= 2, process)
    held = [json.loads(path.read_text()) for path in out.glob("leases/[!.]*.json")]
    os.kill(next(one["pid"] for one in held if one), signal.SIGKILL)
    printed = process.communicate(timeout=200)[0].decode()
    assert process.returncode == 0, printed
    assert "a worker died (SIGKILL" in printed
    pd.testing.assert_frame_equal(read_results(out), whole)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_when_their_driver_is_killed(spec_file: Path, tmp_path: Path) -> None:
    spec_file.write_text(toml(dict(SPEC, training=dict(SPEC["training"], steps=2000))))
    out = tmp_path / "out"
    process = start(spec_file, out, "processes")
    wait_until(lambda: list(out.glob("leases/[!.]*.json")), process)
    workers = children(process.pid)
    assert workers
    process.kill()
    process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers))
    spec_file.write_text(toml(SPEC))
    assert len(oodml.run(spec_file, out, executor="serial")) > 0


def test_a_cell_whose_workers_died_three_times_is_recorded_as_failed(
    vector_data: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = prepare(parse_spec(SMALL | {"tasks": [{"name": "retrieval"}]}), out)
    cell = plan.cells[1]
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (out / "leases").mkdir()
    content = {"owner": "x", "host": host_name(), "pid": gone.pid, "started": "1", "beat": 0}
    for generation in range(MOST_DEATHS):
        path = out / "leases" / f"{cell.run_id}.{generation}.json"
        path.write_text(json.dumps({**content, "run": "mine"}))
    outcomes = {one.run_id: one.failure for one in work(out, Resources(run="mine"))}
    assert "3 worker(s) died while running it" in str(outcomes.pop(cell.run_id))
    assert set(outcomes.values()) == {None}
    assert [one.failure for one in work(out, Resources())] == [None] * len(plan.cells), "next run"


def test_a_failed_cell_is_tried_again_by_the_next_run_only(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.runs import work as module

    out = tmp_path / "out"
    prepare(parse_spec(SMALL | {"tasks": [{"name": "retrieval"}]}), out)
    tried = []

    def broken(cell: Any, *rest: Any) -> None:
        tried.append(cell.run_id)
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(module, "run_cell", broken)
    first = list(work(out, Resources(run="one")))
    again = list(work(out, Resources(run="one")))
    assert len(tried) == len(first)
    assert [one.failure for one in again] == ["ZeroDivisionError: a bug"] * len(first)
    assert not any(one.own for one in again)
    list(work(out, Resources(run="two")))
    assert len(tried) == 2 * len(first)


def test_a_folder_without_a_record_is_not_a_result(vector_data: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = SMALL | {"tasks": [{"name": "retrieval"}]}
    whole = oodml.run(spec, out, executor="serial")
    record = sorted(records(out).values())[0]
    about = json.loads(record.read_text())
    assert {one["name"] for one in about["files"]} >= {"ranks.parquet", "classes.parquet"}
    from oodml.core.hashing import sha256_file

    for one in about["files"]:
        path = record.parent / one["name"]
        assert (one["bytes"], one["sha256"]) == (path.stat().st_size, sha256_file(path))
    assert about["versions"]["oodml"] == oodml.__version__
    record.unlink()
    assert len(oodml.run(spec, out, executor="serial", overwrite="never")) < len(whole)
    pd.testing.assert_frame_equal(oodml.run(spec, out, executor="serial"), whole)


def test_an_executor_is_one_function(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_executor("serial")
    monkeypatch.setattr(registry._registry, "_entries", dict(registry._registry._entries))

    @register_executor("twice")
    def twice(job: Job) -> Any:
        yield from get_executor("serial")(job)
        yield from get_executor("serial")(job)

    spec = SMALL | {"tasks": [{"name": "retrieval"}]}
    assert len(oodml.run(spec, tmp_path / "out", executor="twice")) == 4 * 7


def test_workers_that_cannot_start_are_an_error(vector_data: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = SMALL | {"tasks": [{"name": "retrieval"}]}
    plan = prepare(parse_spec(spec), out)
    (out / plan.settings[0].items_file).unlink()
    for name in ("serial", "processes"):
        with pytest.raises(OodmlError, match="not an items file"):
            list(get_executor(name)(Job(out, Resources(), 2, len(plan.cells))))
    assert len(oodml.run(spec, out, executor="serial"))


def test_cells_that_fail_in_processes_are_named(spec_file: Path, tmp_path: Path) -> None:
    methods = [{"name": "frozen"}, {"name": "triplet", "learning_rate_factor": 1e30}]
    spec_file.write_text(toml(dict(SPEC, methods=methods)))
    with pytest.raises(CellsFailed, match="6 of 9 cells failed, the first: triplet"):
        oodml.run(spec_file, tmp_path / "out", executor="processes", workers=2)
