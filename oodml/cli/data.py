"""``oodml data``: list, describe, add, verify and remove data sets."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oodml.cli.data_remove import remove_command
from oodml.cli.options import Json
from oodml.core.console import say, show

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Data sets: list, describe, add, verify, remove.")


class Overwrite(StrEnum):
    """What to do with a data set of the same name."""

    never = "never"
    always = "always"


@app.callback()
def _group() -> None:
    """Data sets: list, describe, add, verify, remove."""
    from oodml.datasets.added import sweep_data_folder

    for path in sweep_data_folder():
        say(f"removed what a killed call had left: {path}", error=True)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """The data sets on this machine, and those that can be added."""
    from rich.table import Table

    rows = _listed()
    if as_json:
        _print_json(rows)
        return
    table = Table("name", "kind", "images", "classes", "state")
    for row in rows:
        counts = ["" if row[key] is None else f"{row[key]:,}" for key in ("images", "classes")]
        table.add_row(row["name"], row["kind"], *counts, row["state"])
    show(table)


@app.command("show")
def show_command(name: str, as_json: Json = False) -> None:
    """Card, counts and fingerprint of a data set."""
    from oodml.datasets import describe, load_dataset

    dataset = load_dataset(name)
    facts = asdict(describe(dataset)) | {"card": asdict(dataset.card), "notes": _notes(name)}
    if as_json:
        _print_json(facts)
    else:
        show(_facts_table(facts))


@app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="Name to give it; a kind's own name says the kind.")],
    kind: Annotated[
        str | None, typer.Option(help="Its layout; `oodml data list` shows them all.")
    ] = None,
    archive: Annotated[
        list[Path] | None, typer.Option(help="A zip or tar file to unpack; may be repeated.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="A folder, used where it lies.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="A Parquet table of vectors, used where it lies.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Decode every image.")
    ] = True,
    overwrite: Annotated[
        Overwrite, typer.Option(help="Replace one of this name?")
    ] = Overwrite.never,
    as_json: Json = False,
) -> None:
    """Add a data set you have: an archive, a folder or a table of vectors."""
    from oodml.datasets import describe
    from oodml.datasets.added import Handed, add_dataset

    handed = Handed(tuple(archive or ()), directory, table)
    dataset = add_dataset(name, kind, handed, decode=verify, overwrite=overwrite.value)
    facts = asdict(describe(dataset)) | {"card": asdict(dataset.card), "notes": _notes(name)}
    if as_json:
        _print_json(facts)
    else:
        show(_facts_table(facts))


@app.command("verify")
def verify_command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Data sets; all added ones if none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read every file again; ends with code 1 if any is missing, changed or corrupt."""
    from oodml.datasets.records import added_names

    checked = [_verify(name) for name in names or added_names()]
    if as_json:
        _print_json(checked)
    else:
        for row in checked:
            say(f"{row['name']}: {'damaged' if row['problems'] else 'whole'}")
            for kind in ("problems", "warnings"):
                for line in row[kind]:
                    say(f"  {kind[:-1]}: {line}")
        if not checked:
            say("nothing was added yet; `oodml data add` adds a data set")
    if any(row["problems"] for row in checked):
        raise typer.Exit(1)


app.command("remove")(remove_command)


def _listed() -> list[dict[str, Any]]:
    from oodml.datasets.records import added_names
    from oodml.datasets.registry import builtin_datasets, dataset_kinds
    from oodml.datasets.rendered.rendering import cached_counts

    rows = []
    for name, builtin in builtin_datasets().items():
        counts = cached_counts(name) or (None, None)
        state = "rendered" if counts[0] else "rendered on first use"
        if not builtin.installed():
            state = f"needs: pip install 'oodml[{builtin.extra}]'"
        rows.append(_row(name, "built in", state, *counts))
    rows += [_added_row(name) for name in added_names()]
    present = {row["name"] for row in rows}
    rows += [
        _row("" if "NAME" in kind.how_to_add else name, name, f"add it: {kind.how_to_add}")
        for name, kind in dataset_kinds().items()
        if name not in present
    ]
    return rows


def _added_row(name: str) -> dict[str, Any]:
    from oodml.core.errors import OodmlError
    from oodml.datasets.records import added_record

    try:
        record = added_record(name)
    except OodmlError as error:
        return _row(name, "damaged", str(error))
    contents = record["contents"]
    origin = record["source"] or ", ".join(archive["name"] for archive in record["archives"])
    counts = contents["images"], contents["classes"]
    return _row(name, record["kind"], f"added from {origin}", *counts)


def _row(
    name: str, kind: str, state: str, images: int | None = None, classes: int | None = None
) -> dict[str, Any]:
    return {"name": name, "kind": kind, "images": images, "classes": classes, "state": state}


def _verify(name: str) -> dict[str, Any]:
    from oodml.core.errors import OodmlError
    from oodml.datasets import describe, load_dataset
    from oodml.datasets.added import verify_added
    from oodml.datasets.records import added_names

    problems = verify_added(name) if name in added_names() else []
    warnings: tuple[str, ...] = ()
    if not problems:
        try:
            warnings = describe(load_dataset(name)).warnings
        except OodmlError as error:
            if name not in added_names():
                raise
            problems = [str(error)]
    return {"name": name, "problems": problems, "warnings": [*warnings]}


def _notes(name: str) -> list[str]:
    from oodml.datasets.records import added_names, added_record

    return list(added_record(name)["contents"]["notes"]) if name in added_names() else []


def _facts_table(facts: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title=facts["name"], show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, value in _fact_lines(facts):
        if value:
            table.add_row(label, value)
    return table


def _fact_lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    card = facts["card"]
    what = "vectors" if facts["dimensions"] else "images"
    width = f" of {facts['dimensions']} dimensions" if facts["dimensions"] else ""
    superclasses = facts["superclasses"] or {}
    split = facts["default_split"] or {}
    lines = [
        ("title", card["title"]),
        ("description", card["description"]),
        (what, f"{facts['images']:,}{width}"),
        ("classes", f"{facts['classes']:,}"),
        (
            f"{what} a class",
            f"{facts['per_class_min']} to {facts['per_class_max']}, "
            f"median {facts['per_class_median']:g}",
        ),
        ("superclasses", ", ".join(f"{name} ({count})" for name, count in superclasses.items())),
        (
            "default split",
            "; ".join(
                f"{side}: {size['classes']:,} classes, {size['images']:,} {what}"
                for side, size in split.items()
            ),
        ),
        ("fingerprint", facts["fingerprint"]),
    ]
    lines += [(key, card[key]) for key in ("licence", "citation", "homepage", "source")]
    lines += [("note", note) for note in facts["notes"]]
    lines += [("warning", warning) for warning in facts["warnings"]]
    return lines


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
