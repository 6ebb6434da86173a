"""The command tree."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from oodml._version import __version__
from oodml.cli import data, eval, methods, metrics, report, run, search, split, verify

app = typer.Typer(
    name="oodml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Deep metric learning under growing class shift: splits, runs, exact evaluation, tables.",
)
app.add_typer(data.app, name="data")
app.add_typer(split.app, name="split")
app.add_typer(methods.app, name="methods")
app.add_typer(metrics.app, name="metrics")
app.command()(run.run)
app.command()(run.status)
app.command()(search.search)
app.command("eval")(eval.eval_command)
app.command()(verify.verify)
app.command()(report.table)
app.command()(report.plot)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"oodml {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Options of all commands."""


def command() -> Any:
    """The tree as one command to call. Its help is shown as it is written, brackets included."""
    built = typer.main.get_command(app)
    _as_text(built)
    return built


def _as_text(one: Any) -> None:
    """Escape the help texts of a command and those below it: typer reads them as markup."""
    for holder in (one, *one.params):
        for name in ("help", "short_help"):
            if getattr(holder, name, None):
                setattr(holder, name, escape(getattr(holder, name)))
    for below in getattr(one, "commands", {}).values():
        _as_text(below)
