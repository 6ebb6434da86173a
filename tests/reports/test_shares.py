"""The transfer share as table, file, figure and command."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from report_data import LEVELS, SHARES, changed, joined, results, share_folder
from rich.console import Console

from oodml.cli import run_command
from oodml.core.errors import OodmlError, UsageError
from oodml.core.figures import write_figure
from oodml.evaluation import transfer_share
from oodml.reports import draw_share, render, render_share, summarise, with_shares, write_report
from oodml.reports.share_terminal import print_shares
from oodml.runs import class_sums


@pytest.fixture
def summary(tmp_path: Path):
    return summarise(share_folder(tmp_path), folder=tmp_path)


def test_shares_are_those_of_the_stored_class_values(tmp_path: Path, summary) -> None:
    from oodml.evaluation import stack_runs

    def sums(condition: str, label: str, seeds: int):
        names = [f"{label}-1-{seed}-{condition}" for seed in range(seeds)]
        return stack_runs([class_sums(tmp_path, name, "recall_at_1") for name in names])

    expected = transfer_share(
        sums("held-out", "good", 2), sums("ceiling", "good", 2), sums("ceiling", "frozen", 1),
        resamples=2000,
    )  # fmt: skip
    found = summary.shares.entries["good", 1]
    assert found == expected
    assert found.share.value == pytest.approx(0.17 / 0.33)
    assert summary.shares.labels == ("good", "weak"), "frozen has none"


def test_the_table_shows_shares_and_what_cannot_be_decided(summary) -> None:
    text = render_share(summary, "markdown")
    lines = text.splitlines()
    assert lines[0] == "| transfer share (%) | level 0 | level 1 | level 2 |"
    good, weak = lines[3], lines[4]
    assert good.startswith("| good | 75 [")
    assert weak.endswith("| not decidable |")
    for part in ("(method - frozen) / (ceiling - frozen)", "same held-out half",
                 "95 % interval over test classes", "not decidable: the ceiling is not clearly"):  # fmt: skip
        assert part in text
    with pytest.raises(UsageError, match="expected one of csv, markdown"):
        render_share(summary, "latex")
    rows = list(csv.DictReader(io.StringIO(render_share(summary, "csv"))))
    assert len(rows) == 6
    assert float(rows[0]["share"]) == summary.shares.entries["good", 0].share.value
    undecided = rows[-1]
    assert (undecided["decidable"], undecided["share"]) == ("no", "")
    assert float(undecided["room_low"]) < 0 < float(undecided["room_high"])


def test_the_figure_leaves_a_gap_where_nothing_is_decided(summary) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_share(summary)
        write_figure(figure, io.BytesIO(), "png")
    curves = {one.get_label(): one.lines[0] for one in figure.axes[0].containers}
    assert list(curves) == ["good", "weak"]
    np.testing.assert_allclose(np.float64(curves["good"].get_xdata()), [*LEVELS.values()], atol=1)
    np.testing.assert_array_equal(
        np.isnan(np.float64(curves["weak"].get_ydata())), [False, False, True]
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_cuts_nothing(summary, width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    print_shares(summary, console=console)
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "level 2" in text
    assert "decidable" in text


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        ("held-out", "no method was run under the condition held-out"),
        ("ceiling", "no method was run under both held-out and ceiling"),
        ("frozen", "frozen was not run under ceiling"),
        ("files", "no values by class"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, left_out: str, reason: str) -> None:
    table = share_folder(tmp_path)
    if left_out == "frozen":
        table = table[~((table["label"] == "frozen") & (table["condition"] == "ceiling"))]
    elif left_out != "files":
        table = table[table["condition"] != left_out]
    summary = summarise(table, folder=None if left_out == "files" else tmp_path)
    assert summary.shares.entries == {}
    with pytest.raises(OodmlError, match=rf"no transfer share \(toy-id: {reason}.*It takes"):
        with_shares([summary])


def test_frozen_held_out_stands_in_for_frozen_under_ceiling(tmp_path: Path) -> None:
    shares = SHARES | {
        "held-out": SHARES["held-out"] | {"frozen": SHARES["ceiling"]["frozen"]},
        "ceiling": {"good": SHARES["ceiling"]["good"]},
    }
    found = summarise(share_folder(tmp_path, shares), folder=tmp_path).shares
    assert found.entries["good", 0].share.value == pytest.approx(0.75)
    assert found.labels == ("good",), "weak has no ceiling"


def test_other_images_give_no_share(tmp_path: Path) -> None:
    import pandas as pd

    table = share_folder(tmp_path)
    for seed in (0, 1):
        path = tmp_path / "cells" / f"good-1-{seed}-held-out" / "classes.parquet"
        frame = pd.read_parquet(path)
        frame["class"] = "other " + frame["class"]
        frame.to_parquet(path)
    found = summarise(table, folder=tmp_path).shares.entries
    assert ("good", 0) in found
    assert ("good", 1) not in found


def test_a_report_has_share_files_only_where_there_are_shares(tmp_path: Path) -> None:
    table = share_folder(tmp_path)
    other = changed(results(), setting="other-id")
    written = write_report(table, tmp_path)
    assert written.files["share"] == tmp_path / "share.md"
    assert {"share.md", "share.csv", "share.png"} <= {p.name for p in tmp_path.iterdir()}
    assert "Transfer share (%)" in (tmp_path / "table.html").read_text()
    write_report(table[table["condition"] == "forward"], tmp_path)
    assert not (tmp_path / "share.md").exists(), "of an earlier report"
    both = joined(table, changed(other, run_id="x" + other["run_id"]))
    write_report(both, tmp_path)
    assert (tmp_path / "tables" / "toy-id" / "share.csv").is_file()
    assert not (tmp_path / "tables" / "other-id" / "share.csv").exists()


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    share_folder(tmp_path)
    assert run_command(["table", str(tmp_path), "--share"]) == 0
    assert "not decidable" in capsys.readouterr().out
    out = tmp_path / "x.csv"
    command = ["table", str(tmp_path), "--share", "--format", "csv", "--out", str(out)]
    assert run_command(command) == 0
    assert out.read_text().startswith("setting,method,level,shift")
    assert run_command(["table", str(tmp_path), "--share", "--format", "latex"]) == 2
    assert run_command(["plot", str(tmp_path), "--share"]) == 0
    assert (tmp_path / "recall_at_1-share.png").is_file()
    capsys.readouterr()
    assert run_command(["table", str(tmp_path), "--no-intervals", "--format", "markdown"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| good"))
    assert row.count("[") == 1, "only that of AGS"
    assert run_command(["table", str(tmp_path), "--share", "--condition", "forward"]) == 1
    assert "no transfer share" in capsys.readouterr().err


def test_html_is_whole(summary) -> None:
    text = render(summary, "html")
    assert text.count("<table>") == text.count("</table>") == text.count("<img ") == 2
