"""``oodml data`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import layouts
import pytest

from oodml.cli import run_command

pytestmark = pytest.mark.usefixtures("oodml_home")


def test_add_show_list_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 3, "dog": 1, "eel": 2, "fox": 2})
    add = ["data", "add", "pets", "--kind", "image-folder", "--dir", str(folder)]
    assert run_command(add) == 0
    shown = capsys.readouterr().out
    for text in ("classes", "4", "fingerprint", "one image"):
        assert text in shown
    assert run_command(["data", "show", "pets", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["images"], facts["classes"]) == (8, 4)
    assert facts["card"]["title"] == "Image folder"
    assert len(facts["fingerprint"]) == 64
    assert run_command(["data", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out) if row["name"]}
    assert rows["pets"]["images"] == 8
    assert rows["glyphs"]["kind"] == "built in"
    assert rows["cub200"]["state"].startswith("add it: oodml data add cub200")
    assert run_command(["data", "list"]) == 0
    assert "pets" in capsys.readouterr().out
    assert run_command(["data", "verify"]) == 0
    assert "pets: whole" in capsys.readouterr().out
    (folder / "cat" / "01.png").unlink()
    assert run_command(["data", "verify", "pets"]) == 1
    assert "cat/01.png: missing" in capsys.readouterr().out
    assert run_command(["data", "verify", "pets", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report[0]["problems"] == ["cat/01.png: missing"]
    assert run_command(["data", "show", "pets"]) == 1
    assert run_command(add) == 2
    assert "--overwrite always" in capsys.readouterr().err
    assert run_command([*add, "--overwrite", "always"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing-like-it"], "unknown data set"),
        (["show", "cub200"], "oodml data add cub200"),
        (["add", "pets"], "exactly one of --archive"),
        (["add", "pets", "--dir", "."], "--kind"),
        (["add", "pets", "--kind", "image-folder", "--dir", "nowhere"], "no such folder"),
        (["add", "pets", "--dir", ".", "--overwrite", "maybe"], "--overwrite"),
    ],
)
def test_wrong_usage_ends_with_two(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["data", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_bad_archive_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tgz").write_text("no")
    assert run_command(["data", "add", "cub200", "--archive", str(tmp_path / "a.tgz")]) == 1
    assert "neither a zip nor a tar" in capsys.readouterr().err


def test_several_archives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        name = f"images_background_small{number}"
        path = f"{name}/Alpha{number}/character01"
        for drawing in (1, 2):
            layouts.write_image(
                tmp_path / path / f"000{number}_0{drawing}.png", drawing + 10 * number
            )
        layouts.zipped(tmp_path / name, tmp_path / f"{number}.zip")
    archives = [text for n in (1, 2) for text in ("--archive", str(tmp_path / f"{n}.zip"))]
    assert run_command(["data", "add", "omniglot", *archives, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["superclasses"] == {"Alpha1": 1, "Alpha2": 1}
