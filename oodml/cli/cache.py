"""``oodml cache``: what oodml keeps on disk, and freeing what can be made again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oodml.cli.options import Json
from oodml.core.console import say, show

if TYPE_CHECKING:
    from oodml.core.cache_entry import CacheEntry

app = typer.Typer(no_args_is_help=True, help="What oodml keeps on disk: list, clean.")

_Dataset = Annotated[str | None, typer.Option(help="Only what belongs to this data set.")]


@app.callback()
def _group() -> None:
    """What oodml keeps on disk: list, clean."""


@app.command("list")
def list_command(dataset: _Dataset = None, as_json: Json = False) -> None:
    """Rendered data sets, resized images, features, added data and left-overs, with their sizes."""
    entries = [entry for entry in _entries() if dataset in (None, entry.dataset)]
    rows = [_row(entry, _state(entry)) for entry in entries]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print_table(rows, "in all")


@app.command("clean")
def clean_command(
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, metavar="DAYS", help="What was not used for so long."),
    ] = None,
    dataset: _Dataset = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that can be made again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be freed.")] = False,
    as_json: Json = False,
) -> None:
    """Free what can be made again; without options, what nothing here can use any more.

    What is in use stays, and so do data sets that were added (`oodml data remove`). What was
    freed is made again when it is next needed.
    """
    rows = []
    for entry in _entries():
        if not _is_chosen(entry, older_than, dataset, everything):
            continue
        planned = "in use" if entry.in_use() else "would be freed"
        rows.append(_row(entry, planned if dry_run else entry.remove()))
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    freed = [row for row in rows if row["state"] in ("freed", "would be freed")]
    if not as_json:
        _print_table(rows, "to be freed" if dry_run else "freed", freed)
    if any(row["state"] == "cannot be deleted" for row in rows):
        raise typer.Exit(1)


def _entries() -> list[CacheEntry]:
    from oodml.datasets.cache import dataset_entries
    from oodml.datasets.resized.cache import resized_entries
    from oodml.features.cache import feature_entries

    return [*dataset_entries(), *resized_entries(), *feature_entries()]


def _is_chosen(
    entry: CacheEntry, older_than: float | None, dataset: str | None, everything: bool
) -> bool:
    if entry.keep or dataset not in (None, entry.dataset):
        return False
    if older_than is not None:
        return entry.days >= older_than
    return everything or dataset is not None or entry.useless


def _state(entry: CacheEntry) -> str:
    if entry.keep:
        return "kept: oodml data remove"
    if entry.in_use():
        return "in use"
    return "of no use any more" if entry.useless else "can be made again"


def _row(entry: CacheEntry, state: str) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "dataset": entry.dataset,
        "name": entry.name,
        "bytes": entry.bytes,
        "days": round(entry.days, 2),
        "state": state,
        "path": str(entry.path),
    }


def _print_table(
    rows: list[dict[str, Any]], total: str, counted: list[dict[str, Any]] | None = None
) -> None:
    from rich.table import Table

    from oodml.core.sizes import readable_bytes

    if rows:
        table = Table("kind", "data set", "name", "size", "days unused", "state")
        for row in rows:
            texts = [str(row[key]) for key in ("kind", "dataset", "name")]
            size, days = readable_bytes(row["bytes"]), f"{row['days']:.0f}"
            table.add_row(*texts, size, days, row["state"])
        show(table)
    size = readable_bytes(sum(row["bytes"] for row in (rows if counted is None else counted)))
    say(f"{total}: {size}")
