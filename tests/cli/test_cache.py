"""``oodml cache`` and ``oodml data remove``: what is freed, what stays, what is made again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from oodml.cli import run_command
from oodml.core.in_use import is_in_use, mark_in_use
from oodml.datasets import load_dataset
from oodml.datasets.rendered import glyphs
from oodml.features import extract_features


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run_command([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def rendered(oodml_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``glyphs`` of a few letters, rendered; its folder."""
    few = tmp_path / "typefaces"
    shutil.copytree(glyphs.TYPEFACES, few)
    table = json.loads((few / "typefaces.json").read_text(encoding="utf-8"))
    (few / "typefaces.json").write_text(json.dumps(table | {"letters": "AaBbHx"}), encoding="utf-8")
    monkeypatch.setattr(glyphs, "TYPEFACES", few)
    load_dataset("glyphs")
    return next(path for path in (oodml_home / "data" / "glyphs").iterdir() if path.is_dir())


def kinds(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["kind"], row["dataset"], row["state"]) for row in rows]


def test_list_clean_and_make_again(
    rendered: Path, vector_data: str, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract_features(load_dataset(vector_data), "identity")
    rows = shown(capsys, "cache", "list")
    assert kinds(rows) == [
        ("rendered", "glyphs", "can be made again"),
        ("added data", "toy", "kept: oodml data remove"),
        ("features", "toy", "can be made again"),
    ]
    for row in rows:
        on_disk = sum(p.stat().st_size for p in Path(row["path"]).rglob("*") if p.is_file())
        assert row["bytes"] == on_disk > 0
    assert run_command(["cache", "list"]) == 0
    assert "in all" in capsys.readouterr().out
    assert shown(capsys, "cache", "clean") == []  # all of it may be used again
    everything = shown(capsys, "cache", "clean", "--all", "--dry-run")
    assert kinds(everything) == [
        ("rendered", "glyphs", "would be freed"),
        ("features", "toy", "would be freed"),
    ]
    assert rendered.is_dir()
    before = load_dataset("glyphs").fingerprint
    freed = shown(capsys, "cache", "clean", "--all")
    assert {row["state"] for row in freed} == {"freed"}
    assert not any(Path(row["path"]).exists() for row in freed)
    assert kinds(shown(capsys, "cache", "list")) == [kinds(rows)[1]]
    assert load_dataset("glyphs").fingerprint == before
    assert len(extract_features(load_dataset(vector_data), "identity").features) == 288


def test_of_one_data_set_or_of_some_age(
    rendered: Path, vector_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    extract_features(load_dataset(vector_data), "identity")
    assert kinds(shown(capsys, "cache", "list", "--dataset", "toy"))[0][0] == "added data"
    assert shown(capsys, "cache", "clean", "--older-than", "3") == []
    week_ago = time.time() - 7 * 86400
    os.utime(rendered / "manifest.json", (week_ago, week_ago))
    old = shown(capsys, "cache", "clean", "--older-than", "3", "--dry-run")
    assert kinds(old) == [("rendered", "glyphs", "would be freed")]
    assert shown(capsys, "cache", "clean", "--older-than", "3", "--dataset", "toy") == []
    load_dataset("glyphs")  # a use counts, not only the making
    assert shown(capsys, "cache", "clean", "--older-than", "3") == []
    assert kinds(shown(capsys, "cache", "clean", "--dataset", "toy")) == [
        ("features", "toy", "freed")
    ]
    assert rendered.is_dir()
    assert run_command(["cache", "clean", "--older-than", "-1"]) == 2


def test_what_is_in_use_stays(
    rendered: Path, vector_data: str, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = load_dataset("glyphs")
    table = extract_features(load_dataset(vector_data), "identity")
    rows = shown(capsys, "cache", "clean", "--all")
    assert [row["state"] for row in rows] == ["in use", "in use"]
    assert all(Path(row["path"]).is_dir() for row in rows)
    del pictures, table
    lock = Path(rows[1]["path"] + ".lock")
    with FileLock(lock):  # another process extracts
        assert [row["state"] for row in shown(capsys, "cache", "clean", "--all")] == [
            "freed",
            "in use",
        ]
    assert [row["state"] for row in shown(capsys, "cache", "clean", "--all")] == ["freed"]


def test_a_mark_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    code = (
        "import sys, time, numpy as np; from pathlib import Path\n"
        "from oodml.core.in_use import mark_in_use\n"
        "array = np.load(sys.argv[1]); mark_in_use(Path(sys.argv[1]), array)\n"
        "print('marked', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.npy")]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    other.stdout.readline()
    mine = np.load(tmp_path / "a.npy")
    mark_in_use(tmp_path / "a.npy", mine)
    assert is_in_use(tmp_path / "a.npy")
    del mine
    assert is_in_use(tmp_path / "a.npy")
    other.kill()
    other.wait()
    assert not is_in_use(tmp_path / "a.npy")


def test_what_is_of_no_use_any_more_is_freed_without_being_asked_for(
    rendered: Path, vector_data: str, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract_features(load_dataset(vector_data), "identity")
    (place,) = [path for path in (oodml_home / "features/toy").iterdir() if path.is_dir()]
    shutil.copytree(place, place.with_name("torn-0"))
    (place.with_name("torn-0") / "manifest.json").write_text("{")
    shutil.copytree(place, place.with_name("half-1.partial"))
    shutil.copytree(place, oodml_home / "features/gone/identity-1")
    manifest = json.loads((place / "manifest.json").read_text())
    shutil.copytree(place, place.with_name("old-2"))
    other = json.dumps(manifest | {"dataset_fingerprint": "0" * 64})
    (place.with_name("old-2") / "manifest.json").write_text(other)
    torn_file = rendered / ".images.npy.abc.tmp"
    torn_file.write_bytes(bytes(1000))
    rows = shown(capsys, "cache", "clean")
    assert sorted((row["kind"], row["name"]) for row in rows) == [
        ("features", "identity-1"),
        ("features", "old-2"),
        ("features", "torn-0"),
        ("left over", ".images.npy.abc.tmp"),
    ]
    assert place.is_dir()
    assert rendered.is_dir()
    assert not torn_file.exists()
    assert place.with_name("half-1.partial").is_dir()  # an extraction goes on from it


def test_what_cannot_be_deleted_is_told(
    rendered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from oodml.core import cache_entry

    def refuse(*arguments: object, **more: object) -> None:
        raise OSError(30, "Read-only file system")

    for place in ("_delete", "FileLock"):
        with monkeypatch.context() as patch:
            patch.setattr(cache_entry, place, refuse)
            assert run_command(["cache", "clean", "--all"]) == 1
            assert "cannot be" in capsys.readouterr().out
    assert rendered.is_dir()


def test_remove_frees_what_is_oodmls_and_leaves_what_is_the_users(
    vector_data: str, tmp_path: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "toy.parquet"
    content = table.read_bytes()
    extract_features(load_dataset(vector_data), "identity")
    entries = shown(capsys, "cache", "list", "--dataset", "toy")
    assert run_command(["data", "remove", "toy"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert load_dataset("toy")
    removed = shown(capsys, "data", "remove", "toy", "--yes")
    assert removed["bytes"] == sum(row["bytes"] for row in entries)
    assert removed["stays"] == str(table)
    assert table.read_bytes() == content
    assert shown(capsys, "cache", "list") == []
    assert not (oodml_home / "data/toy").exists()
    assert list((oodml_home / "data").iterdir()) == []
    assert run_command(["data", "remove", "toy", "--yes"]) == 2
    assert "no data set 'toy' was added" in capsys.readouterr().err


def test_remove_asks_where_somebody_is(
    vector_data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert run_command(["data", "remove", "toy"]) == 1
    assert "nothing was removed" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run_command(["data", "remove", "toy"]) == 0
    assert "freed" in capsys.readouterr().out


@pytest.mark.usefixtures("oodml_home")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("glyphs", "is built in and cannot be removed; `oodml cache clean --dataset glyphs`"),
        ("../data", "no data set '../data' was added"),
        ("", "no data set '' was added"),
    ],
)
def test_what_cannot_be_removed(
    name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["data", "remove", name, "--yes"]) == 2
    assert message in capsys.readouterr().err


def test_a_link_to_the_users_folder_is_removed_and_not_followed(
    vector_data: str, oodml_home: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (oodml_home / "data/toy").rename(elsewhere)
    (oodml_home / "data/toy").symlink_to(elsewhere)
    assert run_command(["data", "remove", "toy", "--yes"]) == 0
    assert (elsewhere / "source.json").is_file()
    assert not (oodml_home / "data/toy").is_symlink()
