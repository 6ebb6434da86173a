"""Temporary files say whose they are: those of the dead are swept, those of the living are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oodml.core.files import atomic_path, sweep_temporaries, temporary_beside, write_text
from oodml.core.this_process import mark_is_gone, process_mark

KILLED = """
import os, signal, sys
from pathlib import Path
from oodml.core.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_what_a_killed_process_leaves_is_swept(tmp_path: Path) -> None:
    final = tmp_path / "inside" / ("a long name " * 15 + ".json")
    subprocess.run([sys.executable, "-c", KILLED, str(final)], check=False)
    [left] = final.parent.iterdir()
    assert left.name.endswith(".tmp")
    write_text(final, "whole")
    foreign = final.parent / ".mine.tmp"
    foreign.touch()
    with temporary_beside(final) as at_work:
        sweep_temporaries(tmp_path)
        assert set(final.parent.iterdir()) == {final, foreign, at_work}
    assert set(final.parent.iterdir()) == {final, foreign}


def test_of_another_host_only_what_is_old_is_swept(tmp_path: Path) -> None:
    mark = "abcdef-1-1"
    assert mark_is_gone(mark) is None
    old, new = tmp_path / f".a.{mark}.x.tmp", tmp_path / f".b.{mark}.x.tmp"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    sweep_temporaries(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


@pytest.mark.parametrize(
    "mark", ["", "x", "abcdef", "abcdef-x-1", pytest.param(process_mark() + "0", id="ours, longer")]
)
def test_marks(mark: str) -> None:
    assert mark_is_gone(process_mark()) is False
    assert mark_is_gone(mark) is (True if mark.startswith(process_mark()) else None)


def test_an_error_leaves_neither_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "file"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
