"""Texts of users in every format and figure: shown as they are, doing nothing."""

from __future__ import annotations

import csv
import html
import io
import re
import shutil
import subprocess
import warnings
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from report_data import changed, joined, results, run_folder
from rich.console import Console

from oodml import generate_ladder
from oodml.core.figures import write_figure
from oodml.core.text import one_line
from oodml.evaluation import evaluate
from oodml.reports import (
    draw_figure,
    draw_share,
    register_table_format,
    render,
    summarise,
    write_report,
)
from oodml.reports.formats import registry
from oodml.reports.formats.latex import escape as latex
from oodml.reports.formats.markdown import escape as markdown
from oodml.reports.index import index_page
from oodml.reports.pictures import per_class_picture, retrieval_picture
from oodml.reports.terminal import print_table
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.plots import map_figure, moves_figure, shift_figure

NASTY = [
    "$x^$", "$", "$$", r"$\frac$ $", r"\$x^\$", "a_b", "_a_", "x^2", "~", "100%", "#1", "{", "}", "{}}",
    "\\", "\\\\", r"\input{x}", "a & b", "&lt;b&gt;", "<script>alert(1)</script>", "a|b", "a\nb",
    "a\r\nb", "`code`", "```", "*bold*", "**", "[x](y)", "![x](y)", "[red]", "=1+1", "+1", "-1", "@x",
    "--", "---", "?`", "''", '"', "\x1b[31mred", "\x00", "\x08", "\u202eabc", "שלום", "مرحبا", "漢字",
    "한국어", "😀", "é", "ﬁ", "a" * 300, " x ", "",
]  # fmt: skip


def named(text):
    """A table in which a method, the data set, the ladder and the backbone are called so."""
    rows = results()
    rows["label"] = rows["label"].replace("good", text)
    return changed(rows, dataset=text, ladder=text, backbone=text, setting=f"id {text}")


@pytest.fixture(autouse=True)
def no_warnings_but_of_fonts():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="figure: no font")
        yield


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_markdown(text):
    written = render(summarise(named(text)), "markdown")
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert len(rows) == 7  # three heads, a rule, three methods
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {6}
    written.encode("utf-8")
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown(text))
    assert shown == one_line(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[<`*$|]", markdown(text))
    assert "\x1b" not in written
    page = index_page([summarise(named(text))], ["tables/x"])
    assert page.count("\n") == 5


class _Texts(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_html(text):
    parser, plain = _Texts(), _Texts()
    parser.feed(render(summarise(named(text)), "html"))
    plain.feed(render(summarise(results()), "html"))
    assert parser.tags == plain.tags
    if one_line(text):
        assert one_line(text) in parser.texts
    assert "\x1b" not in "".join(parser.texts)


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_csv(text):
    if "\x00" in text:
        return  # no text of a file
    lines = list(csv.DictReader(io.StringIO(render(summarise(named(text)), "csv"), newline="")))
    methods = {line["method"] for line in lines}
    formula = text[:1] in tuple("=+-@")
    assert methods == {"frozen", "a_bad", f"'{text}" if formula and text else text}


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_terminal(text):
    console = Console(width=200, file=io.StringIO(), force_terminal=True, color_system=None)
    print_table(summarise(named(text)), console=console)
    said = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", said)
    if one_line(text) and len(text) < 30:
        assert one_line(text) in said


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_latex_has_no_bare_special(text):
    shown = latex(text)
    bare = re.sub(r"\\(text[a-z]+\{\}|[&%_$#{}])|\$\\[a-z]+\$|\$\^\\dagger\$", "", shown)
    bare = re.sub(r"\{[\[\]*`]\}|-\{\}", "", bare)
    assert not set(bare) & set("\\&%_$#{}~^\n\x1b")
    shown.encode("utf-8")
    row = next(
        line for line in render(summarise(named(text)), "latex").splitlines() if "71.00" in line
    )
    assert row.startswith(f"{shown} & ")


def test_latex_compiles(tmp_path):
    """One table of all that pdflatex can set, where there is a pdflatex."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex")
    texts = [text for text in NASTY if one_line(text).isascii() and len(text) < 100] + ["é"]
    rows = results()
    good = rows[rows["label"] == "good"]
    table = joined(rows, *(changed(good, label=f"{text} {i}") for i, text in enumerate(texts)))
    table = changed(table, dataset=" ".join(texts))
    body = render(summarise(table), "latex")
    rules = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"
    package = rf"\IfFileExists{{booktabs.sty}}{{\usepackage{{booktabs}}}}{{{rules}}}"
    document = rf"\documentclass{{article}}{package}\begin{{document}}"
    (tmp_path / "t.tex").write_text(f"{document}\n{body}\\end{{document}}\n", encoding="utf-8")
    command = [
        "pdflatex",
        "-halt-on-error",
        "-interaction=nonstopmode",
        "-no-shell-escape",
        "t.tex",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1000


def test_what_acts_is_replaced():
    assert one_line("\ud800\x1b\x00\u202e") == "\ufffd" * 4
    assert one_line(" a\u2028b ") == "a b"


def drawn(figure):
    """A figure's files, and what its texts say."""
    write_figure(figure, io.BytesIO(), "png", dpi=20)
    return "\n".join(one.get_text() for one in figure.findobj(Text))


SOME = [r"\$x^\$", "$$", r"$\frac$_a^b", "漢字", "a" * 300, "\x1b[31m\nred"]


def reference_curves(text):
    return draw_figure(summarise(named(text)))


def share_curves(text, folder):
    rows = run_folder(folder, labels=("frozen", "best"))
    parts = [changed(rows, condition=one) for one in ("forward", "held-out", "ceiling")]
    table = joined(*parts)
    table["label"] = table["label"].replace("best", text or " ")
    return draw_share(summarise(table, folder=folder))


def ladder_named(text):
    rows = np.random.default_rng(0).normal(size=(48, 4))
    names = [f"{text}{i}" for i in np.arange(48) % 8]
    ladder = generate_ladder(rows, names, levels=2, name=text or "x", dataset=text)
    return ladder, LabelledFeatures.of(rows, names).means()


FIGURES = {
    "curves": lambda text: reference_curves(text),
    "classes": lambda text: per_class_picture(
        evaluate(np.arange(12.0).reshape(6, 2) ** 2, [f"{text}{i}" for i in (0, 0, 1, 1, 2, 2)]),
        "map_at_r", title=text,
    ),
    "neighbours": lambda text: retrieval_picture(
        [0], np.array([[1]]), [f"{text}0", f"{text}1"], lambda row: Image.new("RGB", (4, 4)),
        title=text, notes={0: text},
    ),
    "shift": lambda text: shift_figure(ladder_named(text)[0]),
    "superclasses": lambda text: moves_figure(
        ladder_named(text)[0], {f"{text}{i}": f"{text}{i % 2}" for i in range(8)}
    ),
    "map": lambda text: map_figure(*ladder_named(text)),
}  # fmt: skip


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("text", SOME, ids=ascii)
def test_figures(text, kind):
    said = drawn(FIGURES[kind](text))
    assert "\x1b" not in said
    if len(text) < 30 and kind not in ("shift", "map"):
        assert one_line(text) in said


def test_a_curve_for_each():
    """Every text as a method of one figure, and as its title."""
    rows = results()
    good = rows[rows["label"] == "good"]
    labels = [text for text in NASTY if one_line(text)]
    table = joined(rows, *(changed(good, label=label) for label in labels))
    said = drawn(draw_figure(summarise(changed(table, dataset=" ".join(labels)))))
    for text in labels:
        assert one_line(text)[:39] in said


def test_share_figure(tmp_path):
    figure = share_curves(r"$x^$ \$_", tmp_path)
    assert r"$x^$ \$_" in drawn(figure)


def test_svg_keeps_the_characters_of_a_formula():
    """The dollar signs are drawn, and nothing is set as mathematics."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        stream = io.BytesIO()
        write_figure(reference_curves("$x^$"), stream, "svg")
    assert "$x^$" in html.unescape(stream.getvalue().decode())


@pytest.mark.parametrize("wrong", [lambda s: 1 / 0, lambda s: None])
def test_a_format_that_fails_takes_no_other_with_it(wrong, tmp_path, monkeypatch):
    registry.list_table_formats()
    monkeypatch.setattr(registry._formats, "_entries", dict(registry._formats._entries))
    register_table_format("broken", suffix="broken")(wrong)
    (tmp_path / "table.broken").write_text("of an earlier report")
    written = write_report(results(), str(tmp_path))
    assert list(written.failed) == [str(tmp_path / "table.broken")]
    assert "table format 'broken'" in written.failed[str(tmp_path / "table.broken")]
    expected = {"table.md", "table.csv", "table.tex", "table.html", "figure.png", "figure.svg"}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_a_figure_that_fails_takes_no_table_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr("oodml.reports.write.draw_figure", lambda summary: summary.nothing)
    written = write_report(results(), tmp_path)
    assert {path.rpartition("/")[2] for path in written.failed} == {"figure.png", "figure.svg"}
    assert "figure" not in written.files
    assert (tmp_path / "table.html").is_file()
    assert replace(written, failed={}).summaries == written.summaries
