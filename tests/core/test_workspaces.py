"""What a killed process leaves is swept by the next; what a live one holds is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from oodml.core.workspaces import abandoned, is_workspace, sweep, workspace

OWNER = """
import sys, time
from pathlib import Path
from oodml.core.workspaces import workspace
with workspace(Path(sys.argv[1]), "pets") as place:
    (place / "big.bin").write_bytes(bytes(100_000))
    print(place, flush=True)
    time.sleep(600)
"""


def started(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", OWNER, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_killed_owners_folder_is_swept_and_a_live_ones_is_not(tmp_path: Path) -> None:
    live, its_place = started(tmp_path)
    dead, left = started(tmp_path)
    try:
        os.kill(dead.pid, signal.SIGKILL)
        dead.wait()
        assert (left / "big.bin").is_file()
        assert abandoned(tmp_path) == [left]
        assert sweep(tmp_path) == [left]
        assert (its_place / "big.bin").is_file()
        assert sorted(tmp_path.iterdir()) == [
            its_place,
            its_place.with_name(its_place.name + ".lock"),
        ]
    finally:
        live.kill()
        live.wait()
        dead.kill()
    assert sweep(tmp_path) == [its_place]
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_when_the_block_ends_however_it_ends(tmp_path: Path) -> None:
    for error in (None, ValueError, KeyboardInterrupt):
        try:
            with workspace(tmp_path, "pets") as place:
                (place / "a").write_text("x")
                assert is_workspace(place)
                assert abandoned(tmp_path) == []
                assert sweep(tmp_path) == []
                assert place.is_dir()
                if error is not None:
                    raise error
        except (ValueError, KeyboardInterrupt):
            pass
        assert list(tmp_path.iterdir()) == []


def test_what_must_not_be_lost_is_taken_out_first(tmp_path: Path) -> None:
    dead, left = started(tmp_path)
    dead.kill()
    dead.wait()
    sweep(tmp_path, lambda place: os.rename(place / "big.bin", tmp_path / "kept"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert not left.exists()
