"""``data add`` killed in the middle, on a full disk, below a home that is none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import layouts
import pytest

from oodml.cli import run_command
from oodml.core import files
from oodml.core.errors import OodmlError, UsageError
from oodml.datasets import added, handed, load_dataset
from oodml.datasets.added import Handed, add_dataset

pytestmark = pytest.mark.usefixtures("oodml_home")

# Waits where a real call may be caught: with the files unpacked, or between the two renames.
ADD = """
import os, sys, time
from oodml.datasets import added
def wait(*arguments):
    print("here", flush=True)
    time.sleep(600)
if sys.argv[1] == "unpacked":
    added.write_json = wait
else:
    rename = os.rename
    added.os.rename = lambda a, b: wait() if os.fspath(a).endswith("new") else rename(a, b)
from oodml.cli import run_command
run_command(sys.argv[2:])
"""


def caught_at(place: str, arguments: list[str]) -> subprocess.Popen[str]:
    """A real ``oodml data add`` that has come to a place."""
    command = [sys.executable, "-c", ADD, place, "data", "add", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline() != "here\n":
        assert process.poll() is None
    return process


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 3, "dog": 3})
    return layouts.tarred(folder, tmp_path / "pets.tgz")


def test_what_a_kill_leaves_is_swept_at_the_next_start(
    archive: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["pets", "--kind", "image-folder", "--archive", str(archive)]
    live = caught_at("unpacked", add)
    try:
        kill(caught_at("unpacked", add))
        places = [path for path in (oodml_home / "data").glob(".pets*") if path.is_dir()]
        assert len(places) == 2
        assert all(len(list(path.rglob("*.png"))) == 6 for path in places)
        assert run_command(["data", "list"]) == 0
        assert capsys.readouterr().err.count("removed what a killed call had left") == 1
        (left,) = [path for path in (oodml_home / "data").glob(".pets*") if path.is_dir()]
        assert len(list(left.rglob("*.png"))) == 6  # the live one's
    finally:
        kill(live)
    assert run_command(["data", "add", *add]) == 0
    assert [path.name for path in (oodml_home / "data").iterdir()] == ["pets"]


def test_a_kill_while_replacing_loses_nothing(archive: Path, oodml_home: Path) -> None:
    first = add_dataset("pets", "image-folder", Handed(archives=(archive,)))
    add = ["pets", "--kind", "image-folder", "--archive", str(archive), "--overwrite", "always"]
    kill(caught_at("between", add))
    assert not (oodml_home / "data" / "pets").exists()
    assert run_command(["data", "verify"]) == 0
    assert load_dataset("pets").fingerprint == first.fingerprint
    assert [path.name for path in (oodml_home / "data").iterdir()] == ["pets"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left on device.*oodml cache list"),
        (errno.EDQUOT, ".*quota.*oodml cache list"),
        (errno.EROFS, "Read-only file system.*OODML_HOME to a folder you may write"),
        (errno.EACCES, "Permission denied.*OODML_HOME to a folder you may write"),
        (errno.EIO, "Input/output error.*see to the disk"),
    ],
)
@pytest.mark.parametrize("where", ["write_json", "extract_archive", "workspace"])
def test_what_the_disk_refuses_is_told(
    archive: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str, where: str
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr(handed if where == "extract_archive" else added, where, refuse)
    with pytest.raises(OodmlError, match=f"(?s)/some/file: {message}"):
        add_dataset("pets", "image-folder", Handed(archives=(archive,)))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError("Not enough free space to write 64032768 bytes after offset 128"),  # numpy's
    ],
)
def test_a_rendered_set_on_a_full_disk_is_told(
    oodml_home: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    from oodml.datasets.rendered import glyphs, rendering

    def full(*arguments: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(glyphs, "_render", lambda: rendering.Rendered([], None, None))
    monkeypatch.setattr(rendering, "_write", full)
    with pytest.raises(OodmlError, match=r"pace .*\(while rendering 'glyphs'\); free some space"):
        load_dataset("glyphs")


def test_features_on_a_full_disk_are_told(
    vector_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.features import extract, extract_features

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(extract, "copy_vectors", full)
    with pytest.raises(OodmlError, match=r"No space left on device.*extracting features of 'toy'"):
        extract_features(load_dataset(vector_data), "identity")


def test_the_room_of_features_is_taken_before_they_are_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up under a memory map ends the process by a signal, without a word."""
    from oodml.features import compute

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        compute._open_partial(tmp_path / "a.partial", {}, 10, 4)


@pytest.mark.parametrize(
    "command", [["data", "list"], ["cache", "list"], ["data", "show", "glyphs"]]
)
def test_a_home_that_is_a_file_is_told(
    oodml_home: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    oodml_home.write_text("a file")
    assert run_command(command) == 2
    assert f"OODML_HOME {oodml_home}: a file, expected a folder" in capsys.readouterr().err
    with pytest.raises(UsageError):
        files.oodml_home()


def test_a_file_where_the_data_folder_belongs_is_told(archive: Path, oodml_home: Path) -> None:
    oodml_home.mkdir()
    (oodml_home / "data").write_text("a file")
    with pytest.raises(OodmlError, match="a file stands where a folder is needed"):
        add_dataset("pets", "image-folder", Handed(archives=(archive,)))


def test_a_folder_that_is_no_data_set_is_not_replaced(archive: Path, oodml_home: Path) -> None:
    mine = oodml_home / "data" / "pets" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("dear")
    for overwrite in ("never", "always"):
        with pytest.raises(UsageError, match="holds something that is no added data set"):
            add_dataset("pets", "image-folder", Handed(archives=(archive,)), overwrite=overwrite)  # type: ignore[arg-type]
    assert mine.read_text() == "dear"


def test_a_left_over_of_an_older_version_is_listed_after_a_day(
    oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It had no lock that would tell whose it is."""
    old = oodml_home / "data" / ".pets.abcdef"
    (old / "new").mkdir(parents=True)
    (old / "new" / "1.png").write_bytes(bytes(1000))
    assert run_command(["cache", "clean"]) == 0
    assert old.is_dir()
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    assert run_command(["cache", "clean"]) == 0
    assert not old.exists()
