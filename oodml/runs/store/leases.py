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
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oodml.core.files import temporary_beside, write_json
from oodml.core.this_process import host_name, process_start

BEAT_S = 5.0
STALE_S = 60.0
MOST_DEATHS = 3
NOTED_S = 2.0
_QUIET_S = 600.0


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
        if not _create(self._path(run_id, lease.generation), {**self._owner, "beat": 0}):
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
            if _process_gone(content):
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
        return _content(self._path(run_id, generation))


def lease_generations(folder: Path, run_id: str) -> list[int]:
    """Generations of a cell's lease that have a file, ascending."""
    found = folder.glob(f"{run_id}.*.json")
    return sorted(int(path.name.split(".")[1]) for path in found if path.name[0] != ".")


def working_on(folder: Path) -> set[str]:
    """Run ids of cells with a lease whose process is not known to be gone."""
    return {path.name.split(".")[0] for path, _ in _at_work(folder)}


def others_at_work(folder: Path) -> list[str]:
    """Who holds leases in a folder: "process 12 on host".

    Left out are processes known to be gone, and those of other hosts whose lease has not been
    touched for ten minutes; only for a message, as the clocks of two machines may differ.
    """
    found = set()
    for path, content in _at_work(folder):
        host = str(content.get("host"))
        with contextlib.suppress(OSError):
            if host == host_name() or time.time() - path.stat().st_mtime < _QUIET_S:
                found.add(f"process {content.get('pid')} on {host.split()[0]}")
    return sorted(found)


def note_end(folder: Path, run_id: str, pid: int, how: str) -> None:
    """Add to the lease that a process of this host held on a cell how the process ended."""
    for generation in reversed(lease_generations(folder / "leases", run_id)):
        path = folder / "leases" / f"{run_id}.{generation}.json"
        content = _content(path)
        if content is not None and content.get("pid") == pid and content.get("host") == host_name():
            with contextlib.suppress(OSError):  # a full disk: it stays unsaid
                write_json(path, {**content, "ended": how})
            return


def forget(folder: Path, run_ids: Iterable[str]) -> None:
    """Remove leases on cells that need no more work; those of living processes stay."""
    wanted = set(run_ids)
    for path in _lease_files(folder):
        content = _content(path) if path.name.split(".")[0] in wanted else None
        if content is not None and _process_gone(content):
            path.unlink(missing_ok=True)


def leased(folder: Path) -> set[str]:
    """Run ids of cells that have a lease, dead ones included."""
    return {path.name.split(".")[0] for path in _lease_files(folder)}


def _at_work(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    newest: dict[str, int] = {}
    for path in _lease_files(folder):
        run_id, number, _ = path.name.split(".")
        newest[run_id] = max(newest.get(run_id, 0), int(number))
    for run_id, generation in newest.items():
        path = folder / "leases" / f"{run_id}.{generation}.json"
        content = _content(path)
        if content is not None and not _process_gone(content):
            yield path, content


def _lease_files(folder: Path) -> list[Path]:
    found = (folder / "leases").glob("[!.]*.json")
    return [path for path in found if re.fullmatch(r"[^.]+\.\d+\.json", path.name)]


def _create(path: Path, content: dict[str, Any]) -> bool:
    """Write a file unless there is one; whether it was written."""
    text = json.dumps(content)
    with temporary_beside(path) as whole:
        whole.write_text(text, encoding="utf-8")
        try:
            os.link(whole, path)
            return True
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            pass
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _process_gone(content: dict[str, Any]) -> bool:
    if content.get("host") != host_name():
        return False
    started = process_start(int(content["pid"]))
    return started is None or started != content.get("started")


def _content(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # being created, or released
        return None
    return content if isinstance(content, dict) else None
