"""One damaged record is shown as damaged, and stops nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import pytest

from oodml.cli import run_command
from oodml.core.errors import OodmlError
from oodml.datasets import list_datasets, load_dataset
from oodml.datasets.added import Handed, add_dataset

Damage = Callable[[Path], None]


def changed(*keys: str, to: Any) -> Damage:
    """Set a field of the record, or take it away where ``to`` is ``...``."""

    def damage(path: Path) -> None:
        record = json.loads(path.read_text())
        place = record
        for key in keys[:-1]:
            place = place[key]
        if to is ...:
            del place[keys[-1]]
        else:
            place[keys[-1]] = to
        path.write_text(json.dumps(record))

    damage.__name__ = f"{'.'.join(keys)}={to}"
    return damage


def written(data: bytes) -> Damage:
    def damage(path: Path) -> None:
        path.write_bytes(data)

    damage.__name__ = repr(data[:9])
    return damage


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = [
    *map(written, (b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000)),
    *map(written, (b'{"schema_version": 1}', b"1" * 10_000)),
    *(changed(key, to=...) for key in ("name", "kind", "source", "archives", "contents")),
    changed("schema_version", to=9),
    changed("schema_version", to="1"),
    changed("name", to="dogs"),
    changed("kind", to="no-such-kind"),
    changed("kind", to=["image-folder"]),
    changed("kind", to="vectors"),
    changed("source", to=7),
    changed("source", to="/nowhere"),
    changed("source", to="/dev/null"),
    changed("archives", to=None),
    changed("contents", to=[]),
    *(
        changed("contents", key, to=to)
        for key in (
            "card",
            "images",
            "notes",
            "image_ids",
            "class_of_image",
            "files",
            "fingerprint",
        )
        for to in (..., None, [1])
    ),
    changed("contents", "default_split", to=[["cat"]]),
    changed("contents", "superclass_of", to={"cat": 1}),
    changed("contents", "files", to=[["cat/00.png"]]),
    pipe,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_any_damage(
    tmp_path: Path, oodml_home: Path, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cats", "pets"):
        folder = layouts.image_folder(tmp_path / name, {"cat": 2, "dog": 2})
        add_dataset(name, "image-folder", Handed(folder=folder))
    damage(oodml_home / "data/pets/source.json")
    assert list_datasets() == ["cats", "emoji", "glyphs", "icons", "pets"]
    capsys.readouterr()
    assert run_command(["data", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out) if row["name"]}
    assert rows["cats"]["state"].startswith("added from")
    assert load_dataset("cats").class_names == ("cat", "dog")
    with pytest.raises(OodmlError, match="pets"):
        load_dataset("pets")
    assert run_command(["data", "verify", "--json"]) == 1
    checked = {row["name"]: row["problems"] for row in json.loads(capsys.readouterr().out)}
    assert checked["cats"] == []
    assert len(checked["pets"]) >= 1
    assert run_command(["cache", "list"]) == 0
    assert run_command(["data", "remove", "pets", "--yes"]) == 0
    assert "pets" not in list_datasets()
    assert (tmp_path / "pets/cat/00.png").is_file()


def test_a_damaged_one_says_what_to_do(
    tmp_path: Path, oodml_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    add_dataset("pets", "image-folder", Handed(folder=folder))
    (oodml_home / "data/pets/source.json").write_text("{}")
    assert run_command(["data", "list", "--json"]) == 0
    row = next(r for r in json.loads(capsys.readouterr().out) if r["name"] == "pets")
    assert (row["kind"], row["images"]) == ("damaged", None)
    assert "add 'pets' again, or `oodml data remove pets`" in row["state"]
    add_dataset("pets", "image-folder", Handed(folder=folder), overwrite="always")
    assert load_dataset("pets").class_names == ("cat", "dog")
