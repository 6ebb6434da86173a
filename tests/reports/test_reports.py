from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from oodml.cli import run_command
from oodml.core.errors import OodmlError, UsageError
from oodml.reports import remarks, render, summarise, write_report

LEVELS = {0: 10.0, 1: 20.0, 2: 40.0}
VALUES = {  # method -> level -> values of the seeds
    "frozen": {0: [0.50], 1: [0.48], 2: [0.45]},
    "good": {0: [0.70, 0.72], 1: [0.60, 0.62], 2: [0.50, 0.54]},
    "a_bad": {0: [0.55, 0.55], 1: [0.40, 0.42], 2: [0.30, 0.32]},
}


def results(**changes: Any) -> pd.DataFrame:
    rows = [
        {
            "run_id": f"{method}{level}{seed}", "dataset": "toy", "ladder": "toy-ladder",
            "ladder_sha256": "ab" * 32, "level": level, "shift": LEVELS[level],
            "shift_measure": "frechet_class_means", "test_classes": 5, "test_images": 50,
            "method": method, "label": method, "trains": method != "frozen",
            "backbone": "net.tag", "mode": "none" if method == "frozen" else "head",
            "selection": "none" if method == "frozen" else "fixed-steps",
            "training": "{}" if method == "frozen" else '{"steps":3}',
            "seed": seed, "protocol": "oodml-0.1", "metric": "recall_at_1", "value": value,
        }
        for method, levels in VALUES.items()
        for level, values in levels.items()
        for seed, value in enumerate(values)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for column, value in changes.items():
        table[column] = value
    table.attrs = {"schema_version": 1}
    return table


def test_means_spreads_and_order() -> None:
    summary = summarise(results())
    assert summary.labels == ("frozen", "good", "a_bad"), "reference first, then the best"
    entry = summary.entries["good", 2]
    assert entry.mean == pytest.approx(0.52)
    assert entry.spread == pytest.approx(np.std([0.5, 0.54], ddof=1))
    assert summarise(results(), estimator="sem").entries["good", 2].spread == pytest.approx(0.02)
    t95 = summarise(results(), estimator="t95").entries["good", 2].spread
    assert t95 == pytest.approx(12.7062 * 0.02, rel=1e-4)
    assert np.isnan(summary.entries["frozen", 0].spread)
    assert summary.best(2) == {"good"}


def test_the_caption_names_what_the_numbers_depend_on() -> None:
    caption = summarise(results()).caption
    for part in ("toy-ladder (abababababab)", "net.tag", "head", "fixed-steps", "oodml-0.1",
                 "sample standard deviation over seeds (n = 2)"):  # fmt: skip
        assert part in caption


def test_equal_means_are_both_best() -> None:
    table = results()
    table["value"] = 0.5
    assert summarise(table).best(0) == {"frozen", "good", "a_bad"}


@pytest.mark.parametrize("column", ["dataset", "ladder_sha256", "backbone", "protocol"])
def test_rows_that_do_not_compare_share_no_table(column: str) -> None:
    table = results()
    table.loc[3, column] = "other"
    with pytest.raises(OodmlError, match=f"different {column}"):
        summarise(table)


def test_different_selection_rules_share_no_table() -> None:
    table = results()
    table.loc[table["method"] == "good", "selection"] = "best-val"
    with pytest.raises(OodmlError, match="different selection"):
        summarise(table)


def test_wrong_metric_and_estimator_are_named() -> None:
    with pytest.raises(UsageError, match="they have: recall_at_1"):
        summarise(results(), "recall_at_3")
    with pytest.raises(UsageError, match="expected one of std, sem, t95"):
        summarise(results(), estimator="stdev")
    with pytest.raises(UsageError, match="expected one of markdown"):
        render(summarise(results()), "docx")


def test_remarks_tell_difficulty_and_losses() -> None:
    said = " ".join(remarks(summarise(results())))
    assert "from 50.0 to 45.0 (-10.0 %)" in said
    assert "Below the frozen backbone" in said
    assert "a_bad (level 1, 2)" in said
    assert "good +21.0 -> +7.0" in said
    table = results()
    assert remarks(summarise(table[table["method"] != "frozen"])) == []


def test_markdown_has_the_best_in_bold() -> None:
    text = render(summarise(results()), "markdown")
    lines = text.splitlines()
    assert lines[0] == "| method | level 0 | level 1 | level 2 |"
    assert all(line.count("|") == 5 for line in lines[:7])
    assert "**52.00 ± 2.83**" in text
    assert "| frozen | 50.00 | 48.00 | 45.00 |" in text


def test_csv_keeps_full_precision() -> None:
    rows = list(csv.DictReader(io.StringIO(render(summarise(results()), "csv"))))
    assert len(rows) == 9
    good = next(r for r in rows if r["method"] == "good" and r["level"] == "2")
    assert float(good["mean"]) == summarise(results()).entries["good", 2].mean
    assert good["seeds"] == "2"
    assert good["estimator"] == "std"


def test_latex_is_escaped_and_complete() -> None:
    text = render(summarise(results()), "latex")
    assert r"a\_bad" in text
    assert r"\textbf{52.00 $\pm$ 2.83}" in text
    assert r"recall\_at\_1 (\%)" in text
    assert text.count(r" \\") == 2 + 3
    assert "±" not in text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.cells += tag == "td"
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_escaped() -> None:
    table = results()
    table["label"] = table["label"].replace("good", "<b>good</b>")
    text = render(summarise(table), "html")
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.cells == 3 * 4
    assert "<b>good</b>" not in text


def test_missing_cells_are_a_dash_and_no_mean() -> None:
    table = results()
    table = table[~((table["label"] == "good") & (table["level"] == 1))]
    table.attrs = {"schema_version": 1}
    summary = summarise(table)
    assert "| good | **71.00 ± 1.41** | – | **52.00 ± 2.83** |" in render(summary, "markdown")
    assert summary.labels[-1] == "good", "no mean over levels, so it stands last"


def test_report_files_are_whole_and_repeatable(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_report(results(), tmp_path / folder)
    names = {p.name for p in (tmp_path / "one").iterdir()}
    assert names == {"table.md", "table.csv", "table.tex", "table.html", "figure.png", "figure.svg"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with Image.open(tmp_path / "one" / "figure.png") as image:
        assert image.size[0] > 800
        assert np.asarray(image.convert("L")).std() > 5, "something is drawn"
    svg = ElementTree.parse(tmp_path / "one" / "figure.svg").getroot()
    assert svg.tag.endswith("svg")


def test_the_figure_shows_every_method_at_its_shift() -> None:
    from oodml.reports import draw_figure

    axes = draw_figure(summarise(results())).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert set(lines) == {"frozen (reference)", "good", "a_bad"}
    np.testing.assert_allclose(lines["good"].get_xdata(), list(LEVELS.values()))
    np.testing.assert_allclose(lines["good"].get_ydata(), [71, 61, 52])


def test_table_and_plot_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.parquet"
    results().to_parquet(path)
    assert run_command(["table", str(path)]) == 0
    assert "52.00 ±2.83" in capsys.readouterr().out
    assert run_command(["table", str(tmp_path), "--list"]) == 0
    assert capsys.readouterr().out == "recall_at_1\n"
    assert (
        run_command(["table", str(path), "--format", "csv", "--out", str(tmp_path / "t.csv")]) == 0
    )
    assert (tmp_path / "t.csv").read_text().startswith("method,level")
    assert run_command(["plot", str(path)]) == 0
    assert (tmp_path / "recall_at_1.svg").is_file()
    assert run_command(["plot", str(path), "--out", str(tmp_path / "x.gif")]) == 2
    assert run_command(["table", str(path), "--format", "docx"]) == 2
    assert run_command(["table", str(path), "--metric", "nope"]) == 2
    assert run_command(["table", str(tmp_path / "gone.parquet")]) == 1
