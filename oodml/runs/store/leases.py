"""Leases: who works on a cell. Any number of runs may share a folder.

A lease is a file ``leases/<run id>.<generation>.json``, created exclusively with its content, so one
claimer wins and a claimer that is killed leaves a whole lease or none.
Its owner rewrites it every few seconds with a higher beat. It is dead when its process is gone (on
the same host), or when an observer has seen the same beat for a minute by its own clock; clocks of
two machines are never compared. A dead lease is taken over by exclusively creating the next
generation, so again one claimer wins.

Who sees a worker die (the driver that started it) adds to the dead lease how it ended.

An owner that was only slow goes on and commits the same numbers; nothing is lost but its time.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oodml.core.files import write_json
from oodml.core.interrupt import undisturbed
from oodml.core.this_process import host_name, process_start
from oodml.runs.store.lease_files import (
    create_lease,
    lease_content,
    lease_generations,
    process_gone,
)

BEAT_S = 5.0
STALE_S = 60.0
MOST_DEATHS = 3
NOTED_S = 2.0


@dataclass
class Lease:
    """A claimed cell.

    Attributes:
        deaths: workers of the same run that died on this cell before.
        left_by_earlier_run: whether an earlier run ended while it was at work on it.
    """

    run_id: str
    generation: int
    deaths: int
    left_by_earlier_run: bool = False
    beat: int = field(default=0, compare=False)


class Leases:
    """Claims on the cells of a folder by one owner. Close it, or use it in a ``with`` block.

    Args:
        folder: the benchmark's folder.
        run: names the run that the owner belongs to; deaths are counted within one run, so that a
            long cell may be interrupted by a scheduler any number of times.
        beat_s: seconds between two beats.
        stale_s: seconds without a beat after which another host's lease is dead.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        run: str,
        *,
        beat_s: float = BEAT_S,
        stale_s: float = STALE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder / "leases"
        self._run = run
        self._stale_s = stale_s
        self._clock = clock
        self._owner = {
            "owner": uuid.uuid4().hex,
            "run": run,
            "host": host_name(),
            "pid": os.getpid(),
            "started": process_start(os.getpid()),
        }
        # (run id, generation) -> what its beat was, and when it was first seen so
        self._seen: dict[tuple[str, int], tuple[object, float]] = {}
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, args=(beat_s,), daemon=True)
        self._heart.start()

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def claim(self, run_id: str) -> Lease | None:
        """The lease on a cell, or None while another owner has it."""
        generations = self._generations(run_id)
        if generations and not self._dead(run_id, generations[-1]):
            return None
        earlier = [self._read(run_id, number) for number in generations]
        deaths = sum(one is not None and one.get("run") == self._run for one in earlier)
        left = bool(earlier) and earlier[-1] is not None and earlier[-1].get("run") != self._run
        lease = Lease(run_id, generations[-1] + 1 if generations else 0, deaths, left)
        self._folder.mkdir(parents=True, exist_ok=True)
        with undisturbed():
            if not create_lease(self._path(run_id, lease.generation), {**self._owner, "beat": 0}):
                return None  # another claimer was quicker
            with self._lock:
                self._held[run_id] = lease
        return lease

    def how_they_died(self, lease: Lease, wait_s: float = NOTED_S) -> list[str]:
        """How workers of this run ended on the cell, as far as was noted: "SIGSEGV", "exit code 3".

        The last one's driver may be about to note it: it is waited for.
        """
        deadline = time.monotonic() + wait_s
        while True:
            earlier = [self._read(lease.run_id, number) for number in range(lease.generation)]
            own = [one for one in earlier if one is not None and one.get("run") == self._run]
            noted = [str(one["ended"]) for one in own if "ended" in one]
            if len(noted) == len(own) or time.monotonic() > deadline:
                return noted
            time.sleep(0.05)

    def release(self, lease: Lease) -> None:
        """Give the cell back; its earlier generations go too."""
        with self._lock:
            self._held.pop(lease.run_id, None)
        for number in self._generations(lease.run_id):
            if number <= lease.generation:
                self._path(lease.run_id, number).unlink(missing_ok=True)

    def close(self) -> None:
        """Release everything and stop the beat."""
        self._stop.set()
        self._heart.join()
        for lease in list(self._held.values()):
            self.release(lease)

    def held_by_others(self, run_id: str) -> bool:
        """Whether a cell is leased by an owner of another run."""
        generations = self._generations(run_id)
        if not generations:
            return False
        content = self._read(run_id, generations[-1])
        return content is not None and content.get("run") != self._run

    def _dead(self, run_id: str, generation: int) -> bool:
        content = self._read(run_id, generation)
        if content is None:
            beat: object = None  # not yet written, or gone; its file may still be there
        else:
            if process_gone(content):
                return True
            beat = (content.get("owner"), content.get("beat"))
        now = self._clock()
        seen, since = self._seen.get((run_id, generation), (None, None))
        if since is None or seen != beat:
            self._seen[run_id, generation] = (beat, now)
            return False
        return now - since >= self._stale_s

    def _beat(self, every: float) -> None:
        while not self._stop.wait(every):
            with self._lock:
                for lease in self._held.values():
                    lease.beat += 1
                    content = {**self._owner, "beat": lease.beat}
                    # a full or absent disk; the next beat may get through
                    with contextlib.suppress(OSError):
                        write_json(self._path(lease.run_id, lease.generation), content)

    def _generations(self, run_id: str) -> list[int]:
        return lease_generations(self._folder, run_id)

    def _path(self, run_id: str, generation: int) -> Path:
        return self._folder / f"{run_id}.{generation}.json"

    def _read(self, run_id: str, generation: int) -> dict[str, Any] | None:
        return lease_content(self._path(run_id, generation))
