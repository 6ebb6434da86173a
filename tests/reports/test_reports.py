"""Reports as files, and the commands."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_data import changed, joined, results, run_folder, with_conditions

from oodml.cli import run_command
from oodml.reports import write_report
from oodml.runs.results.table import write_results

FILES = {"table.md", "table.csv", "table.tex", "table.html", "figure.png", "figure.svg"}


def test_report_files_are_whole_and_repeatable(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        written = write_report(results(), tmp_path / folder)
        assert len(written.summaries) == 1
        assert set(written.files) == {"table", "page", "figure"}
        assert all(path.is_file() for path in written.files.values())
    names = {p.name for p in (tmp_path / "one").iterdir()}
    assert names == FILES
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with Image.open(tmp_path / "one" / "figure.png") as image:
        assert image.size[0] > 800
        assert np.asarray(image.convert("L")).std() > 5, "something is drawn"
    svg = ElementTree.parse(tmp_path / "one" / "figure.svg").getroot()
    assert svg.tag.endswith("svg")


def test_a_report_uses_the_class_values_of_its_cells(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    write_report(table, tmp_path)
    assert "†" in (tmp_path / "table.md").read_text()


def test_several_settings_have_a_folder_each_and_an_index(tmp_path: Path) -> None:
    table = joined(results(), changed(results(), setting="a/b|c", dataset="x|y"))
    written = write_report(table, tmp_path)
    assert written.files == {"tables": tmp_path / "tables.md"}
    assert {p.name for p in tmp_path.iterdir()} == {"tables", "tables.md"}
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {"toy-id", "a-b-c"}
    for folder in (tmp_path / "tables").iterdir():
        assert {p.name for p in folder.iterdir()} == FILES
    index = (tmp_path / "tables.md").read_text()
    assert "(tables/a-b-c/table.md)" in index
    assert r"a/b\|c" in index


def test_table_and_plot_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.parquet"
    write_results(path, results())
    assert run_command(["table", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "52.00 ±2.83" in printed
    assert "AGS" in printed
    assert run_command(["table", str(tmp_path), "--list"]) == 0
    assert "metrics:\n  recall_at_1\nsettings:\n" in capsys.readouterr().out
    assert (
        run_command(["table", str(path), "--format", "csv", "--out", str(tmp_path / "t.csv")]) == 0
    )
    assert (tmp_path / "t.csv").read_text().startswith("setting,method,condition,level")
    assert run_command(["plot", str(path)]) == 0
    assert (tmp_path / "recall_at_1.svg").is_file()
    assert run_command(["plot", str(path), "--out", str(tmp_path / "x.gif")]) == 2
    assert run_command(["table", str(path), "--format", "docx"]) == 2
    assert run_command(["table", str(path), "--out", "x"]) == 2
    assert run_command(["table", str(path), "--metric", "nope"]) == 2
    assert run_command(["table", str(path), "--setting", "nope"]) == 2
    assert run_command(["table", str(path), "--condition", "nope"]) == 2
    assert run_command(["table", str(path), "--task", "nope"]) == 2
    assert run_command(["table", str(tmp_path / "gone.parquet")]) == 1


def test_commands_with_several_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.parquet"
    table = joined(with_conditions(), changed(results(), setting="other-id"))
    write_results(path, table)
    assert run_command(["table", str(path)]) == 0
    printed = capsys.readouterr().out
    assert printed.index("(toy-id)") < printed.index("(other-id)")
    assert "good · ceiling" in printed
    command = ["table", str(path), "--setting", "toy-id", "--condition", "forward"]
    assert run_command(command) == 0
    printed = capsys.readouterr().out
    assert "other-id" not in printed
    assert "·" not in printed
    assert run_command(["table", str(path), "--condition", "ceiling"]) == 0
    assert "other-id" not in capsys.readouterr().out, "it has no such rows"
    assert run_command(["table", str(path), "--list"]) == 0
    printed = capsys.readouterr().out
    assert "  other-id  toy, ladder toy-ladder" in printed
    assert "  size-matched\n" in printed
    assert run_command(["plot", str(path)]) == 0
    assert (tmp_path / "recall_at_1-toy-id.png").is_file()
    one = tmp_path / "one.pdf"
    assert run_command(["plot", str(path), "--out", str(one)]) == 2
    assert run_command(["plot", str(path), "--out", str(one), "--setting", "other-id"]) == 0
    assert one.is_file()
