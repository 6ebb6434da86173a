"""Leases: one claimer wins, the dead are found, and nobody compares clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from oodml.core.this_process import host_name, process_start
from oodml.runs.store import lease_files as module
from oodml.runs.store.lease_files import forget, note_end, others_at_work, working_on
from oodml.runs.store.leases import Leases


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def leave(folder: Path, run_id: str, generation: int = 0, **changes: object) -> Path:
    """A lease of an owner on another host."""
    path = folder / "leases" / f"{run_id}.{generation}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"owner": "them", "run": "theirs", "host": "elsewhere", "pid": 1, "started": "1",
               "beat": 0, **changes}  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_of_two_claimers_one_wins(tmp_path: Path) -> None:
    with Leases(tmp_path, "a") as first, Leases(tmp_path, "b") as second:
        lease = first.claim("cell")
        assert lease is not None
        assert second.claim("cell") is None
        assert second.held_by_others("cell")
        assert not first.held_by_others("cell")
        assert working_on(tmp_path) == {"cell"}
        first.release(lease)
        assert second.claim("cell") is not None
    assert not list((tmp_path / "leases").iterdir())


def test_a_process_that_is_gone_is_dead_at_once(tmp_path: Path) -> None:
    leave(tmp_path, "cell", host=host_name(), pid=dead_process())
    assert working_on(tmp_path) == set()
    with Leases(tmp_path, "a") as leases:
        lease = leases.claim("cell")
        assert lease is not None
        assert (lease.generation, lease.deaths) == (1, 0)
        leases.release(lease)
    assert not list((tmp_path / "leases").iterdir()), "the dead generation goes too"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_later_process_of_the_same_id_is_another(tmp_path: Path) -> None:
    leave(tmp_path, "cell", host=host_name(), pid=os.getpid(), started="1")
    with Leases(tmp_path, "a") as leases:
        assert leases.claim("cell") is not None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_that_ended_and_was_not_collected_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 30
    while process_start(process.pid) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.wait()


def test_another_hosts_lease_is_dead_after_a_minute_without_a_beat(tmp_path: Path) -> None:
    clock = Clock()
    leave(tmp_path, "cell")
    with Leases(tmp_path, "a", clock=clock) as leases:
        assert leases.claim("cell") is None, "seen for the first time"
        clock.now = 59
        assert leases.claim("cell") is None
        leave(tmp_path, "cell", beat=1)
        clock.now = 61
        assert leases.claim("cell") is None, "it has beaten"
        clock.now = 120
        assert leases.claim("cell") is None
        clock.now = 121
        lease = leases.claim("cell")
        assert lease is not None
        assert lease.generation == 1


def test_a_torn_lease_is_alive_until_it_is_stale(tmp_path: Path) -> None:
    clock = Clock()
    leave(tmp_path, "cell").write_text("")
    with Leases(tmp_path, "a", clock=clock) as leases:
        assert leases.claim("cell") is None
        clock.now = 60
        assert leases.claim("cell") is not None


def test_the_heart_beats(tmp_path: Path) -> None:
    with Leases(tmp_path, "a", beat_s=0.02) as leases:
        assert leases.claim("cell") is not None
        path = tmp_path / "leases" / "cell.0.json"
        deadline = time.monotonic() + 30
        while json.loads(path.read_text())["beat"] < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_deaths_are_counted_within_a_run(tmp_path: Path) -> None:
    gone = dead_process()
    for generation, run in enumerate(["mine", "other", "mine"]):
        leave(tmp_path, "cell", generation, run=run, host=host_name(), pid=gone)
    with Leases(tmp_path, "mine") as leases:
        lease = leases.claim("cell")
        assert lease is not None
        assert (lease.generation, lease.deaths) == (3, 2)


def test_how_workers_died_is_kept_with_the_lease(tmp_path: Path) -> None:
    gone = [dead_process() for _ in range(2)]
    for generation, pid in enumerate(gone):
        leave(tmp_path, "cell", generation, run="mine", host=host_name(), pid=pid)
    note_end(tmp_path, "cell", gone[0], "SIGSEGV")
    note_end(tmp_path, "cell", os.getpid(), "of nobody who had it")
    note_end(tmp_path, "other", gone[0], "nothing is leased")
    with Leases(tmp_path, "mine") as leases:
        lease = leases.claim("cell")
        assert lease is not None
        assert lease.deaths == 2
        assert not lease.left_by_earlier_run
        assert leases.how_they_died(lease, wait_s=0.1) == ["SIGSEGV"]
        note_end(tmp_path, "cell", gone[1], "exit code 3")
        assert leases.how_they_died(lease) == ["SIGSEGV", "exit code 3"]
    assert not list((tmp_path / "leases").iterdir())


def test_what_an_earlier_run_left_is_known(tmp_path: Path) -> None:
    leave(tmp_path, "cell", run="theirs", host=host_name(), pid=dead_process())
    with Leases(tmp_path, "mine") as leases:
        lease = leases.claim("cell")
        assert lease is not None
        assert (lease.left_by_earlier_run, lease.deaths) == (True, 0)


def test_who_is_at_work(tmp_path: Path) -> None:
    leave(tmp_path, "dead", host=host_name(), pid=dead_process())
    old = leave(tmp_path, "old", host="far away", pid=4)
    leave(tmp_path, "fresh", host="elsewhere pid:[1]", pid=5)
    os.utime(old, (1, 1))
    with Leases(tmp_path, "mine") as leases:
        assert leases.claim("cell") is not None
        here = f"process {os.getpid()} on {host_name().split()[0]}"
        assert set(others_at_work(tmp_path)) == {"process 5 on elsewhere", here}
        forget(tmp_path, ["dead", "cell", "old"])
        left = {path.name.split(".")[0] for path in (tmp_path / "leases").iterdir()}
        assert left == {"cell", "old", "fresh"}, "only of processes known to be gone"


@pytest.mark.parametrize("links", [True, False])
def test_a_claim_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Also on a file system without hard links."""

    def refused(*arguments: object) -> None:
        raise PermissionError("no links here")

    if not links:
        monkeypatch.setattr(module.os, "link", refused)
    with Leases(tmp_path, "a") as first, Leases(tmp_path, "b") as second:
        monkeypatch.setattr(first, "_generations", lambda run_id: [])
        monkeypatch.setattr(second, "_generations", lambda run_id: [])
        assert first.claim("cell") is not None
        assert second.claim("cell") is None
        [path] = (tmp_path / "leases").iterdir()
        assert json.loads(path.read_text())["run"] == "a"
        path.unlink()


@pytest.mark.parametrize("attempt", range(5))
def test_of_many_claimers_of_a_dead_lease_one_wins(tmp_path: Path, attempt: int) -> None:
    count = 24
    leave(tmp_path, "cell", host=host_name(), pid=dead_process())
    barrier = threading.Barrier(count)
    owners = [Leases(tmp_path, f"run-{number}") for number in range(count)]
    won = []

    def claim(leases: Leases) -> None:
        barrier.wait()
        if leases.claim("cell") is not None:
            won.append(leases)

    threads = [threading.Thread(target=claim, args=(one,)) for one in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    for one in owners:
        one.close()
