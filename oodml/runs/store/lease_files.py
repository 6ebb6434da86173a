"""The files of leases: who is at work on a folder, who died there, and what is left of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from oodml.core.files import temporary_beside, write_json
from oodml.core.this_process import host_name, process_start

_QUIET_S = 600.0


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
        content = lease_content(path)
        if content is not None and content.get("pid") == pid and content.get("host") == host_name():
            with contextlib.suppress(OSError):  # a full disk: it stays unsaid
                write_json(path, {**content, "ended": how})
            return


def forget(folder: Path, run_ids: Iterable[str]) -> None:
    """Remove leases on cells that need no more work; those of living processes stay."""
    wanted = set(run_ids)
    for path in _lease_files(folder):
        content = lease_content(path) if path.name.split(".")[0] in wanted else None
        if content is not None and process_gone(content):
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
        content = lease_content(path)
        if content is not None and not process_gone(content):
            yield path, content


def _lease_files(folder: Path) -> list[Path]:
    found = (folder / "leases").glob("[!.]*.json")
    return [path for path in found if re.fullmatch(r"[^.]+\.\d+\.json", path.name)]


def create_lease(path: Path, content: dict[str, Any]) -> bool:
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


def process_gone(content: dict[str, Any]) -> bool:
    if content.get("host") != host_name():
        return False
    started = process_start(int(content["pid"]))
    return started is None or started != content.get("started")


def lease_content(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # being created, or released
        return None
    return content if isinstance(content, dict) else None
