"""The command tree."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from oodml._version import __version__
from oodml.cli import (
    benchmarks,
    cache,
    catalogue_app,
    data,
    embed,
    eval,
    features,
    methods,
    metrics,
    report,
    run,
    search,
    split,
    verify,
)

_RUN = "Benchmarks"
_DATA = "Data, features and class splits"
_SCORE = "Embeddings"
_NAMES = "What there is to choose from"

app = typer.Typer(
    name="oodml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Deep metric learning under growing class shift: splits, runs, exact evaluation, tables.",
)
app.command(rich_help_panel=_RUN)(run.run)
app.command(rich_help_panel=_RUN)(run.status)
app.command(rich_help_panel=_RUN)(search.search)
app.command(rich_help_panel=_RUN)(report.table)
app.command(rich_help_panel=_RUN)(report.plot)
app.add_typer(benchmarks.app, name="benchmarks", rich_help_panel=_RUN)
app.add_typer(data.app, name="data", rich_help_panel=_DATA)
app.add_typer(cache.app, name="cache", rich_help_panel=_DATA)
app.add_typer(features.app, name="features", rich_help_panel=_DATA)
app.add_typer(split.app, name="split", rich_help_panel=_DATA)
app.command("eval", rich_help_panel=_SCORE)(eval.eval_command)
app.command(rich_help_panel=_SCORE)(verify.verify)
app.command(rich_help_panel=_SCORE)(embed.embed)
app.add_typer(methods.app, name="methods", rich_help_panel=_NAMES)
app.add_typer(metrics.app, name="metrics", rich_help_panel=_NAMES)
app.add_typer(catalogue_app.backbones, name="backbones", rich_help_panel=_NAMES)
app.add_typer(catalogue_app.generators, name="generators", rich_help_panel=_NAMES)
app.add_typer(catalogue_app.measures, name="measures", rich_help_panel=_NAMES)
app.add_typer(catalogue_app.conditions, name="conditions", rich_help_panel=_NAMES)
app.add_typer(catalogue_app.tasks, name="tasks", rich_help_panel=_NAMES)
app.add_typer(catalogue_app.rules, name="rules", rich_help_panel=_NAMES)


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
