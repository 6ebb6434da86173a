"""Ctrl-C, kill and a closed terminal end a run in one way; workers end with it whatever ends it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pandas as pd
import pytest
from drivers import (
    ended,
    leftovers,
    run_command,
    session,
    start,
    wait_for_the_end_of,
    wait_until,
)
from small_specs import SPEC, records, toml

import oodml
from oodml.runs import read_results

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

METHODS = [{"name": "frozen"}, {"name": "triplet"}]
# the same cells but for the length of training, which does not count for frozen
LONG = dict(SPEC, methods=METHODS, training=dict(SPEC["training"], steps=100_000))
SCRIPT = """
import sys, oodml
oodml.run(*sys.argv[1:3], executor=sys.argv[3])
"""


def leased(out: Path) -> list[Path]:
    return list(out.glob("leases/[!.]*.json"))


@pytest.fixture
def long_spec(tmp_path: Path, vector_data: str) -> Path:
    path = tmp_path / "long.toml"
    path.write_text(toml(LONG))
    return path


@pytest.mark.parametrize(
    ("number", "executor", "code"),
    [
        (signal.SIGINT, "processes", 130),
        (signal.SIGTERM, "processes", 143),
        (signal.SIGHUP, "processes", 129),
        (signal.SIGINT, "serial", 130),
        (signal.SIGTERM, "serial", 143),
    ],
)
@pytest.mark.parametrize("to_all", [False, True], ids=["alone", "group"])
def test_a_signal_ends_a_command(
    long_spec: Path, tmp_path: Path, number: int, executor: str, code: int, to_all: bool
) -> None:
    """Sent to the command alone (kill) or to its processes, too (a terminal, Slurm)."""
    if to_all and executor == "serial":
        pytest.skip("one process")
    out = tmp_path / "out"
    process = run_command(long_spec, out, executor)
    wait_until(lambda: records(out) and leased(out), process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    printed = ended(process)
    assert process.returncode == code, printed
    assert printed.endswith("oodml: interrupted; the same command continues where it stopped\n")
    assert "Traceback" not in printed
    assert "died" not in printed
    assert not session(process.pid)
    assert not leftovers(out)
    assert set(read_results(out)["label"]) == {"frozen"}


def test_a_second_signal_ends_it_quickly_and_harms_nothing(
    long_spec: Path, spec_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = run_command(long_spec, out)
    wait_until(lambda: leased(out), process)
    for _ in range(50):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    printed = ended(process)
    assert process.returncode == 130, printed
    wait_for_the_end_of(process.pid)
    spec_file.write_text(toml(dict(SPEC, methods=METHODS)))
    again = oodml.run(spec_file, out, executor="serial")
    whole = oodml.run(spec_file, tmp_path / "whole", executor="serial")
    pd.testing.assert_frame_equal(again, whole)
    assert not leftovers(out)


def test_what_the_shell_ignores_stays_ignored(spec_file: Path, tmp_path: Path) -> None:
    """nohup and background jobs."""
    out = tmp_path / "out"
    spec_file.write_text(toml(dict(SPEC, methods=METHODS)))
    process = run_command(spec_file, out, "serial", ignore=(signal.SIGINT, signal.SIGHUP))
    wait_until(lambda: records(out), process)
    os.kill(process.pid, signal.SIGHUP)
    os.kill(process.pid, signal.SIGINT)
    printed = ended(process)
    assert process.returncode == 0, printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_gives_back_what_it_holds_before_it_ends(
    long_spec: Path, tmp_path: Path, number: int
) -> None:
    out = tmp_path / "out"
    process = start(["-c", SCRIPT, str(long_spec), str(out), "serial"])
    wait_until(lambda: leased(out), process)
    os.kill(process.pid, number)
    printed = ended(process)
    assert process.returncode == -number, printed
    assert not leftovers(out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_stuck_in_native_code_ends_with_its_driver(
    spec_file: Path, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    spec_file.write_text(toml(dict(SPEC, methods=[{"name": "bad-stuck"}])))
    script = f"import bad_methods\n{SCRIPT}"
    stuck = tmp_path / "stuck"
    monkeypatch.setenv("OODML_TEST_STUCK", str(stuck))
    process = start(["-c", script, str(spec_file), str(out), "processes"])
    wait_until(lambda: stuck.exists(), process)
    assert len(session(process.pid)) == 3
    os.kill(process.pid, number)
    ended(process)
    assert process.returncode == -number
    wait_for_the_end_of(process.pid)


def test_handlers_are_as_before(vector_data: str, tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    seen = []

    def own(number: int, frame: object) -> None:
        seen.append(number)

    spec = dict(SPEC, methods=[{"name": "frozen"}])
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        signal.signal(signal.SIGTERM, own)
        oodml.run(spec, tmp_path / "a", executor="serial")
        assert signal.getsignal(signal.SIGTERM) is own
        assert [signal.getsignal(n) for n in numbers if n != signal.SIGTERM] == [
            before[n] for n in numbers if n != signal.SIGTERM
        ]
        thread = threading.Thread(target=lambda: oodml.run(spec, tmp_path / "b", executor="serial"))
        thread.start()
        thread.join()
        assert (tmp_path / "b" / "results.parquet").is_file()
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
