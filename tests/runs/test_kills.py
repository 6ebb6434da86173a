"""A benchmark killed at random moments and started again until it is finished is the same benchmark.

OODML_TEST_ROUNDS=100 kills a hundred times by each signal, one in five of them a command that starts
from nothing; the others are forked from a process that has imported all, which saves seconds.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from drivers import (
    HERE,
    Forked,
    ended,
    leftovers,
    run_command,
    session,
    start,
    wait_for_the_end_of,
)
from rounds import rounds
from small_specs import SMALL, records, toml

import oodml

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
WANTED = len(SIGNALS) * rounds(0) or 2
SPEC = SMALL | {
    "seeds": [0, 1],
    "training": SMALL["training"] | {"steps": 150},
    "tasks": [{"name": "retrieval"}],
    "methods": [{"name": "frozen"}, {"name": "triplet"}, {"name": "whitening"}],
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_kills_at_random_moments(vector_data: str, oodml_home: Path, tmp_path: Path) -> None:
    file, out, whole = tmp_path / "spec.toml", tmp_path / "out", tmp_path / "whole"
    file.write_text(toml(SPEC))
    oodml.run(file, whole, executor="serial")
    server = start([str(HERE / "preforked.py")], stdin=subprocess.PIPE, stderr=None, bufsize=0)

    def command(file: Path, out: Path) -> Forked:
        arguments = ["run", str(file), "--out", str(out), "--workers", "2"]
        return Forked(server, arguments, tmp_path / "printed.txt")

    ended(command(file, tmp_path / "first"))
    start_s = time.monotonic()
    assert "failed" not in ended(command(file, out))
    usual = time.monotonic() - start_s
    assert same(out, whole)
    dice, kills, finished = random.Random(0), Counter[str](), 0
    shutil.rmtree(out)
    while kills.total() < WANTED:
        number = SIGNALS[kills.total() % len(SIGNALS)]
        before = stamps(out)
        process = command(file, out) if kills.total() % 5 else run_command(file, out)
        try:
            process.wait(dice.uniform(0.0, 0.7 * usual))
        except subprocess.TimeoutExpired:
            kills[kill(process, number, dice)] += 1
        tell(kills, finished)
        printed = ended(process)
        wait_for_the_end_of(process.pid)
        assert "Traceback" not in printed or process.returncode < 0, printed
        assert before.items() <= stamps(out).items(), "a finished cell was done again"
        if process.returncode == 0:
            assert same(out, whole)
            finished += 1
            shutil.rmtree(out)
            if dice.random() < 0.5:
                shutil.rmtree(oodml_home / "features")  # so that it is killed while it makes them
        else:
            assert process.returncode in (128 + number, -number), printed
    last = command(file, out)
    printed = ended(last)
    assert last.returncode == 0, printed
    assert same(out, whole)
    assert not leftovers(out, oodml_home / "features")
    print(f"{dict(kills)} kills, {finished + 1} times finished")


def tell(kills: Counter[str], finished: int) -> None:
    """Of a long check, how far it is."""
    if WANTED > 4:
        print(f"{time.strftime('%H:%M:%S')} {dict(kills)}, {finished} times finished", flush=True)


def kill(process: subprocess.Popen[bytes] | Forked, number: int, dice: random.Random) -> str:
    """Send the signal to the driver, SIGKILL in a third of the cases to a worker; says what it was."""
    name = signal.Signals(number).name
    workers = [pid for pid in session(process.pid) if pid != process.pid]
    if number == signal.SIGKILL and workers and dice.random() < 1 / 3:
        os.kill(dice.choice(workers), number)
        return f"{name} of a worker"
    os.kill(process.pid, number)
    return name


def same(out: Path, whole: Path) -> bool:
    """Whether the tables are the same, byte for byte."""
    name = "results.parquet"
    return (out / name).read_bytes() == (whole / name).read_bytes()


def stamps(out: Path) -> dict[str, int]:
    return {run_id: path.stat().st_mtime_ns for run_id, path in records(out).items()}
