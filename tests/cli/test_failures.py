"""Whatever goes wrong, a user reads a line that says what and what to do, and no traceback."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oodml.cli import run_command
from oodml.core.errors import OodmlError, UsageError
from oodml.core.files import atomic_path, read_json, read_text, write_json, write_text
from oodml.core.targets import check_file_target, check_folder_target

SPEC = """schema_version = 2
name = "small"
dataset = "toy"
seeds = [0]
[features]
backbone = "identity"
[ladder]
levels = 2
shots = [2]
episodes = 2
[training]
steps = 5
batch_size = 24
[[tasks]]
name = "retrieval"
metrics = ["map_at_r"]
[[methods]]
name = "frozen"
[[methods]]
name = "triplet"
"""


@pytest.fixture
def folder(tmp_path: Path, vector_data: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a spec, embeddings, and things that are no regular files."""
    place = tmp_path / "here"
    place.mkdir()
    (place / "small.toml").write_text(SPEC)
    rng = np.random.default_rng(0)
    np.save(place / "e.npy", rng.normal(size=(20, 4)).astype(np.float32))
    (place / "l.csv").write_text("label\n" + "\n".join(f"c{i % 4}" for i in range(20)) + "\n")
    (place / "file").write_text("text")
    (place / "results").mkdir()
    os.mkfifo(place / "pipe.toml")
    os.mkfifo(place / "pipe.parquet")
    (place / "latin.toml").write_bytes(b'name = "\xe4"\n')
    (place / "deep.toml").write_text("a = " + "[" * 4000 + "]" * 4000)
    (place / "digits.toml").write_text("seeds = [" + "9" * 5000 + "]")
    monkeypatch.chdir(place)
    return place


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int) -> str:
    found = run_command(arguments)
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "This is a bug" not in error
    assert found == code, error
    return error


EVAL = ["eval", "e.npy", "--labels", "l.csv"]
RUN = ["run", "small.toml"]
SPLIT = ["split", "make", "toy", "--backbone", "identity"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "latin.toml"], r"latin\.toml: line 1 is not UTF-8"),
        (["run", "."], r"\.: a folder, expected a regular file"),
        (["run", "pipe.toml"], "a named pipe, expected a regular file"),
        (["run", "gone.toml"], "no such file"),
        (["run", "small.toml/x"], "Not a directory"),
        (["run", "x" * 300], "name too long"),
        (["run", "deep.toml"], "nested too deeply"),
        (["run", "digits.toml"], "not valid TOML"),
        ([*RUN, "--out", "file"], "--out file: is not a folder"),
        ([*RUN, "--out", "file/x"], "--out file: is not a folder"),
        ([*RUN, "--out", "/dev/full"], "--out /dev/full: is not a folder"),
        ([*RUN, "--out", "x" * 300], "name too long; choose a shorter name"),
        ([*RUN, "--device", "cuda"], "device 'cuda': there is none .* expected auto or cpu"),
        ([*RUN, "--device", "foo"], "device 'foo': there is none"),
        ([*RUN, "--executor", "serail"], "did you mean serial"),
        ([*RUN, "--workers", "0"], "--workers"),
        ([*RUN, "--threads", "-1"], "--threads"),
        ([*RUN, "--metric", "map_at_q"], "--metric map_at_q: .* did you mean map_at_r"),
        ([*RUN, "--overwrite", "[/]"], r"--overwrite '\[/\]'"),
        (["search", "small.toml", "--out", "file"], "--out file: is not a folder"),
        (["search", "small.toml", "--device", "foo"], "device 'foo'"),
        (["search", "small.toml", "--grid", "embedding_dim=100000000"], "at most 65536"),
        (["search", "small.toml", "--grid", "learning_rate=nan"], "finite"),
        (["table", "results", "--format", "csv", "--out", "file/x"], "is not a folder"),
        (["table", "results", "--format", "csv", "--out", "/dev/full"], "not a regular file"),
        (["table", "results", "--format", "csv", "--out", "results"], "is a folder"),
        (["plot", "results", "--out", "x.gif"], "ends in .png or .svg or .pdf"),
        (["plot", "results", "--out", "file/x.png"], "is not a folder"),
        ([*EVAL, "--save-ranks", "/dev/full"], "not a regular file"),
        ([*EVAL, "--save-ranks", "file/x"], "is not a folder"),
        ([*EVAL, "--plot-classes", "x.gif"], "ends in .png"),
        ([*EVAL, "--save-ranks", "x\udcff.parquet"], r"x\\udcff\.parquet: a name that is not UTF-8"),
        ([*RUN, "--out", "\udcff/x"], "a name that is not UTF-8"),
        ([*EVAL, "--plot-retrieval", "x.png"], "needs --images"),
        ([*EVAL, "--plot-classes", "x.png", "--metrics", "nmi"], "needs a retrieval metric"),
        ([*EVAL, "--device", "cuda"], "device 'cuda'"),
        ([*EVAL, "--device", "foo"], "device 'foo'"),
        ([*EVAL, "--similarity", "cosin"], "similarity 'cosin'"),
        ([*EVAL, "--seed", "-1"], "--seed"),
        ([*EVAL, "--seed", "1" + "0" * 23], "--seed 1000"),
        ([*EVAL, "--memory", "0"], "--memory"),
        ([*EVAL, "--memory", "1" + "0" * 30], "--memory"),
        ([*EVAL, "--metrics", "recall_at_" + "9" * 30], "k must be"),
        ([*SPLIT, "--seed", "1" + "0" * 23], "too large a number"),
        ([*SPLIT, "--seed", "-1"], "--seed"),
        ([*SPLIT, "--shots", "-2"], "shots"),
        ([*SPLIT, "--shots", "2.5"], "whole numbers"),
        ([*SPLIT, "--device", "foo"], "device 'foo'"),
        ([*SPLIT, "--out", "file"], "is not a folder"),
        ([*SPLIT, "--option", "[bold]=1"], r"no option '\[bold\]'"),
        (["split", "make", "glyphs", "--image-size", "0"], "image size 0: expected 8 to 4096"),
        (["split", "make", "toy", "--backbone", "nonet"], "unknown backbone 'nonet'"),
        (["split", "make", "gone"], "unknown data set 'gone'"),
        (["split", "import", "small.toml", "--out", "file"], "is not a folder"),
        (["data", "show", "[red"], r"unknown data set '\[red'"),
        (["methods", "show", "[/]"], r"unknown method '\[/\]'"),
    ],
)  # fmt: skip
def test_wrong_use_is_told_before_anything_is_done(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("*"))
    found = " ".join(told(arguments, capsys, 2).split())
    assert re.search(message, found), found
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [["table", "pipe.parquet"], ["table", "results"], ["split", "show", "pipe.parquet"],
     ["split", "show", "results"], ["status", "small.toml"]],
)  # fmt: skip
def test_what_is_not_there_is_told(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(arguments, capsys, 1).startswith("oodml: ")


@pytest.mark.parametrize(
    "written", [b"\xef\xbb\xbf" + SPEC.encode(), SPEC.replace("\n", "\r\n").encode()]
)
def test_a_spec_may_have_a_byte_order_mark_and_any_line_ends(
    written: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "small.toml").write_bytes(written)
    assert run_command([*RUN, "--dry-run"]) == 0


UNEXPECTED: list[tuple[BaseException, str]] = [
    (OSError(errno.ENOSPC, "x", "/a/[red"), r"No space left on device: /a/\[red; free some space"),
    (OSError(errno.EROFS, "x", "/a"), "Read-only file system: /a; choose a place"),
    (PermissionError(errno.EACCES, "x", "/a"), "Permission denied: /a; change its permissions"),
    (NotADirectoryError(errno.ENOTDIR, "x", "/a/b"), "a part of the path is a file"),
    (IsADirectoryError(errno.EISDIR, "x", "/a"), "it is a folder; name a file"),
    (OSError(errno.ENAMETOOLONG, "x", "/a"), "choose a shorter name"),
    (OSError("without a number"), "without a number"),
    (OSError(), "OSError"),
    (MemoryError("Unable to allocate 9 TiB"), "not enough memory .*9 TiB"),
    (MemoryError(), "not enough memory"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
    (RecursionError("maximum recursion depth"), "nested too deeply"),
    (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), "not valid Unicode"),
]


@pytest.mark.parametrize(("error", "message"), UNEXPECTED)
def test_what_the_system_refuses_is_one_line(
    error: BaseException,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("oodml.runs.load_spec", _raising(error))
    found = told(RUN, capsys, 1)
    assert re.search(message, found), found
    assert len(found.splitlines()) == 1


class _Hostile(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    "error", [TypeError("[/] \x1b[31m"), KeyError("x"), _Hostile(), SystemError()]
)
def test_a_bug_says_so_and_keeps_its_traceback_in_a_file(
    error: Exception,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("oodml.runs.load_spec", _raising(error))
    assert run_command(RUN) == 1
    found = capsys.readouterr().err
    assert "Traceback" not in found
    assert type(error).__name__ in found
    assert "This is a bug in oodml or in a plug-in" in found
    named = re.search(r"the traceback is in (.*\.txt)", found)
    assert named is not None
    kept = Path(named[1])
    assert "Traceback" in kept.read_text(encoding="utf-8")
    kept.unlink()
    monkeypatch.setenv("OODML_DEBUG", "1")
    assert run_command(RUN) == 1
    assert "Traceback" in capsys.readouterr().err


def _raising(error: BaseException) -> Callable[..., Any]:
    def load_spec(*_: object) -> Any:
        raise error

    return load_spec


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_stdout_is_a_failure(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "oodml", "--help"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "oodml: No space left on device; free some space, or choose a place on another disk"
    ]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    code = (
        "import os, sys\nfrom oodml.cli import main\nsys.argv = ['oodml', '--help']\n"
        "reader, writer = os.pipe()\nos.dup2(writer, 1)\nos.close(reader)\nos.close(writer)\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


class _Full:
    """What writes to it finds the disk full after a part is written."""

    def __call__(self, handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "value.json"
    write_json(path, 1)
    monkeypatch.setattr(os, "fsync", _Full())
    with pytest.raises(
        OodmlError, match=r"value\.json: cannot be written: No space left.*free some"
    ):
        write_json(path, 2)
    assert read_json(path) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["value.json"]


@pytest.mark.parametrize("place", ["/dev/full", "/dev/null"])
def test_a_device_is_never_replaced_by_a_file(place: str) -> None:
    with pytest.raises(OodmlError, match="a device or pipe"), atomic_path(Path(place)):
        pass
    assert not Path(place).is_file()


def test_places_that_cannot_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OodmlError, match=r"file/x/y: cannot be written: Not a directory"):
        write_text(tmp_path / "file" / "x" / "y", "text")
    with pytest.raises(OodmlError, match="it is a folder"):
        write_text(tmp_path, "text")
    check_file_target("--out", tmp_path / "new" / "a.png", [".png"])
    check_folder_target("--out", tmp_path / "new" / "deeper")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="cannot be written; choose another place"):
        check_folder_target("--out", tmp_path / "new")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff", "line 1 is not UTF-8"), (b"{", "not valid JSON"), (b"[" * 100_000, "not valid JSON"),
     (b"9" * 5000, "not valid JSON")],
)  # fmt: skip
def test_files_that_are_no_json_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(OodmlError, match=rf"x\.json: {message}"):
        read_json(path)


def test_text_is_read_with_a_byte_order_mark_and_kept_with_odd_names(tmp_path: Path) -> None:
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(tmp_path / "bom.txt") == "a\nb"
    write_json(tmp_path / "odd.json", {"id": "caf\udce9.jpg"})
    assert json.loads((tmp_path / "odd.json").read_bytes()) == {"id": "caf\udce9.jpg"}


def test_the_cells_that_did_not_fail_have_table_and_figure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import oodml.runs.work as work

    whole = work.run_cell

    def failing(cell: Any, *arguments: Any) -> str | None:
        if cell.method == "triplet" and cell.level == 1:
            raise ValueError("[/] as if the method were wrong")
        return whole(cell, *arguments)

    monkeypatch.setattr(work, "run_cell", failing)
    assert run_command([*RUN, "--executor", "serial", "--out", "out"]) == 1
    printed = capsys.readouterr()
    assert "MAP@R" in printed.out or "map_at_r" in printed.out  # the first there is
    assert "[/] as if the method were wrong" in printed.err
    assert "1 of 4 cells failed" in printed.err
    assert {"table.md", "figure.png"} <= {path.name for path in (folder / "out").iterdir()}
    monkeypatch.setattr(work, "run_cell", whole)
    assert run_command([*RUN, "--executor", "serial", "--out", "out"]) == 0


def test_a_search_chooses_among_the_points_that_did_not_fail(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import oodml.runs.work as work

    whole = work.run_cell

    def failing(cell: Any, *arguments: Any) -> str | None:
        if cell.level == 1 and cell.hyper_parameters.get("margin") == 0.5:
            raise ValueError("diverged")
        return whole(cell, *arguments)

    monkeypatch.setattr(work, "run_cell", failing)
    arguments = ["search", "small.toml", "--out", "s", "--executor", "serial"]
    assert run_command([*arguments, "--grid", "margin=0.1,0.5"]) == 1
    assert "diverged" in capsys.readouterr().err
    chosen = json.loads((folder / "s" / "chosen.json").read_text())
    assert [one["values"] for one in chosen] == [{"margin": 0.1}]


def test_a_method_that_cannot_be_timed_does_not_end_a_dry_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("oodml.runs.estimate._seconds", _raising(ValueError("[bold]")))
    assert run_command([*RUN, "--dry-run"]) == 0
    assert "could not be timed: ValueError: [bold]" in capsys.readouterr().out
