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

from oodml.runs.store.leases import Leases, working_on
from oodml.core.this_process import host_name, process_start


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
