"""Every format: complete, escaped, and the snapshot of a small table."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_data import UGLY, changed, joined, results, run_folder, with_conditions
from rich.console import Console

from oodml.core.errors import UsageError
from oodml.reports import (
    caption,
    list_table_formats,
    register_table_format,
    render,
    summarise,
    summarise_all,
)
from oodml.reports.formats import registry
from oodml.reports.terminal import print_table, terminal_table

GOLDEN = Path(__file__).parent / "golden"


def ugly():
    table = results()
    table["label"] = table["label"].replace("good", UGLY)
    return summarise(table)


def test_the_snapshot_of_a_small_table() -> None:
    """A change of this file is a change of what readers see: look at it, then replace it."""
    assert render(summarise(with_conditions()), "markdown") == (GOLDEN / "table.md").read_text()


def test_markdown_has_the_best_in_bold() -> None:
    text = render(summarise(results()), "markdown")
    lines = text.splitlines()
    assert lines[0] == "| method | level 0 | level 1 | level 2 | AGS |"
    assert all(line.count("|") == 6 for line in lines[:7])
    assert "**52.00 ± 2.83**" in text
    assert "| frozen | 50.00 | 48.00 | 45.00 | 47.33 |" in text


def test_markdown_is_escaped() -> None:
    text = render(ugly(), "markdown")
    row = next(line for line in text.splitlines() if "script" in line)
    assert row.startswith(r"| a_b\$c\|d\<script>[x]\(y)\\&%#{\~}^\*\`\_ |")
    assert row.replace(r"\|", "").count("|") == 6
    assert r"a_b\$c\|d\<script>" in text.split("Points over frozen")[1], "in prose as well"


def test_csv_keeps_full_precision() -> None:
    rows = list(csv.DictReader(io.StringIO(render(summarise(results()), "csv"))))
    assert len(rows) == 9
    good = next(r for r in rows if r["method"] == "good" and r["level"] == "2")
    summary = summarise(results())
    assert float(good["mean"]) == summary.entry("good", 2).mean
    assert float(good["ags"]) == next(
        e.value for row, e in summary.ags.entries.items() if row.label == "good"
    )
    assert good["seeds"] == "2"
    assert good["estimator"] == "std"
    assert good["best"] == "yes"
    assert good["not_told_from_best"] == "", "nothing was tested"
    assert good["ags_interval"] == "95 % t over 2 seeds"


def test_csv_of_several_settings_has_one_header() -> None:
    table = joined(with_conditions(), changed(results(), setting="other-id"))
    rows = list(csv.DictReader(io.StringIO(render(summarise_all(table), "csv"))))
    assert {row["setting"] for row in rows} == {"toy-id", "other-id"}
    ceiling = next(row for row in rows if row["condition"] == "ceiling")
    assert (ceiling["ags"], ceiling["best"]) == ("", "")
    labels = results()
    labels["label"] = UGLY
    labels["hyper_parameters"] = "{}"
    labels = labels[labels["method"] == "good"]
    again = list(csv.DictReader(io.StringIO(render(summarise(labels), "csv"))))
    assert again[0]["method"] == UGLY


def test_csv_tells_what_was_tested(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path), folder=tmp_path)
    rows = list(csv.DictReader(io.StringIO(render(summary, "csv"))))
    assert {r["not_told_from_best"] for r in rows if r["method"] == "bad"} == {"no"}
    pair = [r for r in rows if r["method"] in ("best", "twin") and r["level"] == "0"]
    assert sorted(r["best"] for r in pair) == ["no", "yes"]
    assert all((r["best"] == "yes") != (r["not_told_from_best"] == "yes") for r in pair)


def test_latex_is_escaped_and_complete() -> None:
    text = render(summarise(with_conditions()), "latex")
    assert r"a\_bad" in text
    assert r"\textbf{52.00 $\pm$ 2.83}" in text
    assert r"recall\_at\_1 (\%)" in text
    assert text.count(r" \\") == 2 + 3 + 5 + 2, "two rows have an interval of AGS below them"
    assert text.count(r"\midrule") == 2
    assert r"good $\cdot$ ceiling" in text
    assert "±" not in text
    assert "·" not in text
    row = next(line for line in render(ugly(), "latex").splitlines() if "script" in line)
    assert row.startswith(
        r"a\_b\$c\textbar{}d\textless{}script\textgreater{}{[}x{]}(y)\textbackslash{}\&\%\#\{"
        r"\textasciitilde{}\}\textasciicircum{}{*}{`}\_ & "
    )


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_is_well_formed_and_escaped() -> None:
    page = _Page()
    page.feed(render(ugly(), "html"))
    assert page.open == []
    assert page.seen.count("td") == 3 * 4
    assert "script" not in page.seen
    assert UGLY in page.text


def test_html_of_several_settings() -> None:
    table = joined(with_conditions(), changed(results(), setting="<other>"))
    text = render(summarise_all(table), "html")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.seen.count("h2") == page.seen.count("table") == page.seen.count("img") == 2
    assert "&lt;other&gt;" in text
    assert text.count('class="reference first"') == 1, "a rule above the conditions, once"


def test_markdown_and_latex_of_several_settings() -> None:
    both = summarise_all(joined(results(), changed(results(), setting="other-id")))
    text = render(both, "markdown")
    assert text.count("\n## ") + text.startswith("## ") == 2
    assert "## toy, ladder toy-ladder, backbone net.tag (other-id)" in text
    assert render(both, "latex").count(r"\begin{table}") == 2
    assert "## " not in render(both[0], "markdown")


def test_latex_has_intervals_on_a_line_of_their_own(tmp_path: Path) -> None:
    text = render(summarise(run_folder(tmp_path), folder=tmp_path), "latex")
    assert text.count(r" \\") == 2 + 2 * 4
    assert text.count(r"{\scriptsize [") == 4 * 4
    assert not any(line.startswith("[") for line in text.splitlines()), "an option of the row's end"


def test_intervals_stand_beside_the_numbers_and_can_be_left_out(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path), folder=tmp_path)
    for format in ("markdown", "html", "latex"):
        assert render(summary, format).count("[") >= 4 * 4
        plain = render(summary.without_intervals(), format)
        assert plain.count("[") < 12, "those of AGS and of the remarks about frozen"
    rows = list(csv.DictReader(io.StringIO(render(summary, "csv"))))
    assert all(float(r["low"]) < float(r["mean"]) < float(r["high"]) for r in rows)
    assert {r["interval"] for r in rows} == {"95 % BCa bootstrap over 30 classes, 2000 resamples"}
    text = caption(summary)
    assert "[ ]: 95 % interval over test classes, trainings averaged (BCa bootstrap over" in text
    assert "where ± is what other trainings could" in text
    assert "[ ]" not in caption(summary.without_intervals())


def test_the_terminal_leaves_intervals_out_rather_than_part_the_table(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path), folder=tmp_path)

    def printed(width: int, intervals: bool | None) -> str:
        console = Console(width=width, record=True, file=io.StringIO())
        print_table(summary, console=console, intervals=intervals)
        return console.export_text().split("recall_at_1 (%) on toy, ladder")[0]

    low = f"[{100 * summary.intervals[summary.methods[0], 0].low:.1f},"
    for width, intervals, shown in (
        (200, None, True), (100, None, True), (100, False, False), (60, True, True), (60, None, False),
    ):  # fmt: skip
        assert (low in printed(width, intervals)) is shown, (width, intervals)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_the_terminal_cuts_no_number(width: int, tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path), folder=tmp_path)
    console = Console(width=width, record=True, file=io.StringIO())
    print_table(summary, console=console)
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert text.count("†") == 4 + 1
    for head in ("level 2", "AGS"):
        assert head in " ".join(text.split())
    for column in summary.levels:
        assert f"{100 * summary.entry('bad', column.level).mean:.2f}" in text


def test_the_terminal_shows_labels_as_they_are() -> None:
    table = results()
    table["label"] = table["label"].replace({"good": "[red]a_b$c[/red]", "a_bad": "[x"})
    console = Console(width=100, record=True, file=io.StringIO())
    print_table(summarise(table), console=console)
    text = console.export_text()
    assert "[red]a_b$c[/red]" in text
    assert "[x" in text


def test_the_terminal_heads_tables_only_where_there_are_several() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    summary = summarise(with_conditions())
    console.print(terminal_table(summary, 100))
    assert "toy-id" not in console.export_text()
    print_table(summary, summary, console=console)
    assert console.export_text().count("(toy-id)") == 2


def test_formats_are_found_and_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_table_formats() == ["csv", "html", "latex", "markdown"]
    with pytest.raises(
        UsageError, match="format 'docx': expected one of csv, html, latex, markdown"
    ):
        render(summarise(results()), "docx")
    monkeypatch.setattr(registry._formats, "_entries", dict(registry._formats._entries))

    @register_table_format("labels", suffix="txt")
    def labels(summaries):
        return "\n".join(label for one in summaries for label in one.labels)

    assert render(summarise(results()), "labels") == "frozen\ngood\na_bad"
