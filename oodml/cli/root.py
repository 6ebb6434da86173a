"""The command tree."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from oodml._version import __version__
from oodml.cli import data, eval, methods, metrics, report, run, search, split, verify

app = typer.Typer(
    name="oodml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help texts hold brackets; they are text
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
    """The tree as one command to call; in the lists of groups every summary stands whole."""
    built = typer.main.get_command(app)
    _whole_summaries(built)
    return built


def _whole_summaries(group: Any) -> None:
    """Give each command its first paragraph as its summary, which would be cut at the line's end."""
    for one in getattr(group, "commands", {}).values():
        one.short_help = (one.help or "").strip().split("\n\n")[0].replace("\n", " ")
        _whole_summaries(one)
