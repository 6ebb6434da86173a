"""What users name is shown as it is, wherever it is printed."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oodml.cli.failures import report_failure
from oodml.cli.root import command
from oodml.core import progress
from oodml.core.console import console, output, printable, say, show
from oodml.core.errors import OodmlError, UsageError
from oodml.core.progress import progress_task
from oodml.core.values import shown

PACKAGE = Path(__file__).resolve().parents[2] / "oodml"
TEXTS = ["[/]", "[bold]x", "[red", "a [link=http://x]b[/link]", "\\[x]", ":smile:", "100% [%s] {x}"]
WAYS: dict[str, Callable[[str], None]] = {
    "message": say,
    "error": lambda text: say(text, error=True),
    "note": lambda text: console.print(text, style="red"),
    "print": show,
    "cell": lambda text: show(_table(text, "x")),
    "title": lambda text: show(_table("x", "x", title=text)),
    "caption": lambda text: show(_table("x", "x", caption=text)),
    "heading": lambda text: show(Table(text, "b")),
    "text": lambda text: show(Text(text)),
    "failure": lambda text: _ignore(report_failure(OodmlError(text))),
    "unexpected": lambda text: _ignore(report_failure(ValueError(text))),
}


@pytest.fixture(autouse=True)
def _tracebacks_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def _table(*cells: str, **texts: str) -> Table:
    table = Table("a" * 30, "b" * 30, **texts)  # type: ignore[arg-type]
    table.add_row(*cells)
    return table


def _ignore(_: int) -> None:
    pass


def _rooms() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "console.py")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("way", WAYS)
def test_text_with_brackets_is_printed_whole(
    way: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    WAYS[way](text)
    printed = capsys.readouterr()
    assert text in printed.out + printed.err


@pytest.mark.parametrize("text", TEXTS)
def test_a_bar_shows_its_description_whole(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}.items():
        monkeypatch.setenv(name, value)
    terminal = output()
    terminal.file, terminal.width = io.StringIO(), 120
    monkeypatch.setattr(progress, "console", terminal)
    with progress_task(text, 2) as task:
        with progress_task(text + "!", 3):
            task.advance()
        task.describe(f"{text}?")
        assert progress._live is not None
        progress._live.refresh()
    assert text in terminal.file.getvalue()
    assert f"{text}?" in terminal.file.getvalue()


def test_a_line_of_a_log_shows_its_description(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LOG_INTERVAL_S", 0.0)
    with progress_task("[red\x1b", 2) as task:
        task.advance()
    assert "[red\\x1b: 1/2" in capsys.readouterr().err


@pytest.mark.parametrize("way", WAYS)
def test_what_a_terminal_acts_on_is_spelt_out(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    WAYS[way]("a\x1b]0;title\x07b\x9b31mc\u202ed\udcff")
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert not set(text) & set("\x1b\x07\x9b\u202e\udcff")
    spelt = "\\x1b]0;title\\x07b\\x9b31mc\\u202ed\\udcff"
    # rich leaves the bell out of a Text itself
    assert spelt.replace("\\x07", "" if way == "text" else "\\x07") in text
    assert printable("Ärger, 漢字\tx") == "Ärger, 漢字\tx"


def test_no_other_module_makes_a_console_or_reads_markup() -> None:
    wrong = []
    for path in _rooms():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            markup = [one.arg for one in node.keywords if one.arg in ("markup", "emoji")]
            plain = all(
                isinstance(one.value, ast.Constant) and one.value.value is False
                for one in node.keywords
                if one.arg == "markup"
            )
            if name in ("Console", "from_markup", "print_json") or (markup and not plain):
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {name}")
            if name == "TextColumn" and not markup:  # rich's default is to read markup
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} TextColumn without markup")
    assert wrong == []
    assert not any("rich import print" in path.read_text(encoding="utf-8") for path in _rooms())


def _commands(one: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(one, "commands", {})
    return [path, *(found for name in below for found in _commands(below[name], (*path, name)))]


def _compact(text: str) -> str:
    return re.sub(r"[\s│╭╮╰╯─]+", "", text)


@pytest.mark.parametrize("path", _commands(command()), ids=" ".join)
def test_help_texts_stand_whole(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every word of every help text of every command, in the width of an ordinary terminal."""
    # words in brackets, and how often each column's words stand in a row, are told from the source
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    plain = typer.main.get_command(_app())
    for name in path:
        plain = plain.commands[name]  # type: ignore[attr-defined]
    with contextlib.suppress(SystemExit):
        command()(args=[*path, "--help"], prog_name="oodml", standalone_mode=False)
    printed = capsys.readouterr().out
    words = set(printed.replace("│", " ").split())
    for text in filter(None, [plain.help, *(getattr(one, "help", "") for one in plain.params)]):
        missing = [word for word in text.split() if word not in words]
        # a long word may be broken at the end of a line, never left out
        assert not [word for word in missing if _compact(word) not in _compact(printed)]


def _app() -> typer.Typer:
    from oodml.cli.root import app

    return app


def test_tables_of_methods_and_parts_show_a_strangers_docstring(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A summary with brackets goes through the commands that list what others register."""
    from oodml.cli import run_command
    from oodml.methods import Method, registry

    @registry.register_method("bracketed")
    class Bracketed(Method):
        """Loss of [/] pairs and [bold]negatives[/bold]."""

        source = "[/x] et al."

        def terms(self, dims):  # type: ignore[no-untyped-def]
            return {}

    try:
        monkeypatch.setenv("COLUMNS", "200")
        assert run_command(["methods", "list"]) == 0
        assert "[/] pairs and [bold]negatives[/bold]." in capsys.readouterr().out
        assert run_command(["methods", "show", "bracketed"]) == 0
        assert "[/x] et al." in capsys.readouterr().out
    finally:
        del registry._methods._entries["bracketed"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.str_("k10"), "'k10'"),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (np.bool_(True), "True"),
        ([np.str_("a"), np.int8(1)], "['a', 1]"),
        ({"x": np.float64(2.5)}, "{'x': 2.5}"),
        ((np.array(3.0),), "(float64 array of shape (),)"),
        (np.ones((3, 2), np.float32), "float32 array of shape (3, 2)"),
    ],
)
def test_values_in_messages_carry_no_traces_of_numpy(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_values_in_messages_are_short_whatever_they_are() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

    nested: list[object] = []
    nested.append(nested)
    for value in ("x" * 10**6, list(range(10**6)), 10**4000, Hostile(), nested, {1: "y" * 10**5}):
        assert len(shown(value)) < 1500


def test_usage_errors_keep_their_key_when_they_travel() -> None:
    import pickle

    sent = pickle.loads(pickle.dumps(UsageError("no such thing", key="methods.0.name")))
    assert (str(sent), sent.key) == ("no such thing", "methods.0.name")


def test_the_console_in_use_is_the_plain_one() -> None:
    assert isinstance(console, Console)
    assert not console._markup
    assert not console._emoji
