"""Every metric in every format and figure: direction and unit are the metric's own."""

from __future__ import annotations

import csv
import io
import re
import sys

import numpy as np
import pytest
from report_data import LEVELS, joined, results, run_folder
from rich.console import Console

from oodml.evaluation import evaluate, get_metric, list_metrics, register_metric
from oodml.evaluation.metrics import registry
from oodml.reports import draw_figure, list_table_formats, remarks, render, summarise
from oodml.reports.metric_info import metric_info
from oodml.reports.pictures import per_class_picture, spread_queries
from oodml.reports.terminal import print_table

NAMES = [name.replace("_at_k", "_at_8") for name in list_metrics()]
# as other tasks name theirs
NAMES += ["verification_eer", "verification_auc", "accuracy_5_shot_nearest"]
NAMES += ["recall_at_1_5_shot_after", "tests_lower", "tests_lower_2_shot_gain"]
HIGH, MIDDLE, LOW = 0.7321, 0.5432, 0.2123


@pytest.fixture(autouse=True)
def lower_is_better(monkeypatch):
    """A metric on ranks of which less is better and which is no share."""
    registry._metrics.names()
    monkeypatch.setattr(registry._metrics, "_entries", dict(registry._metrics._entries))
    register_metric("tests_lower", formula="r_1", source="x", higher_is_better=False, unit="count")(
        lambda ranks: ranks.ranks[ranks.offsets[:-1]].astype(float)
    )


def expected(name):
    """Direction and unit by the registry, or by what a task's own metric is."""
    if name == "verification_eer":
        return False, "share"
    base = re.sub(r"_[0-9]+_shot_(after|gain|before)", "", name)
    if base in registry._metrics or base.endswith("_at_8"):
        return get_metric(base).higher_is_better, get_metric(base).unit
    return True, "share"


def table(name):
    values = {
        "frozen": {level: [MIDDLE] for level in LEVELS},
        "high": {level: [HIGH, HIGH] for level in LEVELS},
        "low": {level: [LOW, LOW] for level in LEVELS},
    }
    return results(values, metric=name)


def best_rows(text, format):
    """The rows that a format marks as best, read from its text."""
    if format == "csv":
        lines = csv.DictReader(io.StringIO(text))
        return {line["method"] for line in lines if line["best"] == "yes"}
    mark = {"markdown": r"\*\*", "latex": r"\\textbf", "html": "<strong>"}[format]
    rows = re.split("<tr>|<tr " if format == "html" else "\n", text)
    found = set()
    for row in rows:
        for label in ("frozen", "high", "low"):
            begins = {
                "markdown": f"| {label} |", "latex": f"{label} &", "html": f">{label}</th>",
            }[format]  # fmt: skip
            if begins in row and re.search(mark, row):
                found.add(label)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_tables(name):
    better, unit = expected(name)
    summary = summarise(table(name), name)
    best = {True: {"high"}, False: {"low"}, None: set()}[better]
    shown = f"{100 * HIGH:.2f}" if unit == "share" else f"{HIGH:.4g}"
    order = [row.label for row in summary.methods]
    assert order == (["frozen", "low", "high"] if better is False else ["frozen", "high", "low"])
    for format in list_table_formats():
        text = render(summary, format)
        assert best_rows(text, format) == best, format
        if format != "csv":
            assert shown in text
            assert ("(%" in text.replace("\\%", "%")) == (unit == "share"), format
            assert ("lower is better" in text) == (better is False), format
        else:
            assert str(HIGH) in text
    console = Console(record=True, width=140, file=io.StringIO())
    print_table(summary, console=console)
    text = console.export_text(styles=True)
    row = next(line for line in text.splitlines() if "high" in line)
    assert shown in row
    assert ("32m" in row) == (better is True)


@pytest.mark.parametrize("name", NAMES)
def test_remarks_and_ags(name):
    better, _ = expected(name)
    summary = summarise(table(name), name)
    worse = {row.label for row, _ in summary.against_frozen.worse}
    assert worse == {True: {"low"}, False: {"high"}, None: set()}[better]
    said = " ".join(remarks(summary))
    assert ("Scores below frozen" in said) == (better is True)
    assert ("Scores above frozen, where lower is better" in said) == (better is False)
    area = {row.label: one.value for row, one in summary.ags.entries.items()}
    assert area == pytest.approx({"frozen": MIDDLE, "high": HIGH, "low": LOW})
    assert {row.label for row in summary.best("ags")} == (
        {True: {"high"}, False: {"low"}, None: set()}[better]
    )


@pytest.mark.parametrize("better", [True, False])
def test_what_is_not_told_from_the_best(better, tmp_path, monkeypatch):
    """The test compares with the best end: the highest where more is better, else the lowest."""
    rows = run_folder(tmp_path)
    info = metric_info("recall_at_1")
    changed = type(info)("recall_at_1", better)
    module = sys.modules[summarise.__module__]
    monkeypatch.setattr(module, "metric_info", lambda name: changed)
    summary = summarise(rows, folder=tmp_path)
    for level in LEVELS:
        near = {row.label for row in summary.tied(level) | summary.best(level)}
        assert near == ({"best", "twin"} if better else {"frozen"})
    told = {row.label for (row, _), one in summary.against_frozen.worse.items() if one.told}
    assert told == (set() if better else {"best", "twin", "bad"})


@pytest.mark.parametrize("name", NAMES)
def test_curves(name):
    better, unit = expected(name)
    figure = draw_figure(summarise(table(name), name))
    axes = figure.axes[0]
    label = axes.get_ylabel()
    assert ("%" in label) == (unit == "share")
    assert ("lower is better" in label) == (better is False)
    heights = sorted(
        {float(line.get_ydata()[0]) for line in axes.lines if len(line.get_ydata()) == 3}
    )
    scale = 100 if unit == "share" else 1
    assert heights == pytest.approx([scale * one for one in (LOW, MIDDLE, HIGH)])


@pytest.mark.parametrize("classes", [5, 80])
@pytest.mark.parametrize("name", ["map_at_r", "tests_lower"])
def test_classes_from_best_to_worst(name, classes):
    random = np.random.default_rng(0)
    labels = np.arange(classes * 3) % classes
    rows = random.normal(size=(classes, 4))[labels] + 0.4 * random.normal(size=(len(labels), 4))
    report = evaluate(rows, labels, [name])
    interval = report.intervals(average="macro", resamples=100)[name]
    axis = per_class_picture(report, name, interval=interval).axes[0]
    drawn = (
        [bar.get_width() for bar in axis.patches[:classes]]
        if classes == 5
        else axis.lines[0].get_ydata().tolist()
    )
    scale = 100 if name == "map_at_r" else 1
    values = sorted(report.per_class(name).values(), reverse=name == "map_at_r")
    assert drawn == pytest.approx([scale * one for one in values])
    low, high = axis.get_xlim() if classes == 5 else axis.get_ylim()
    assert low <= min(drawn)
    assert max(drawn) <= high
    label = axis.get_xlabel() if classes == 5 else axis.get_ylabel()
    assert label == ("MAP@R (%)" if name == "map_at_r" else "tests_lower (lower is better)")
    marks = [line.get_xdata()[0] for line in axis.lines] if classes == 5 else []
    marks = marks or [axis.lines[-1].get_ydata()[0]]
    assert marks[-1] == pytest.approx(scale * report.macro[name])


def test_queries_from_worst_to_best():
    values = np.array([3.0, np.nan, 1.0, 2.0])
    assert spread_queries(values, 3).tolist() == [2, 3, 0]
    assert spread_queries(values, 3, higher_is_better=False).tolist() == [0, 3, 2]


def test_a_table_of_two_units_keeps_them_apart():
    rows = joined(table("alignment"), table("recall_at_1"))
    assert "21.23" in render(summarise(rows, "recall_at_1"), "markdown")
    assert "0.2123" in render(summarise(rows, "alignment"), "markdown")
