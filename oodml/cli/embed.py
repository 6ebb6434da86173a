"""``oodml embed``: embed images by what a benchmark's cell trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from oodml.cli.options import BatchSize, Device, EmbeddingsOut, Json
from oodml.core.console import say


def embed(
    cell: Annotated[
        Path,
        typer.Argument(
            metavar="CELL",
            help="A cell's folder (RUN_FOLDER/cells/RUN_ID) or its embedder.safetensors; or the "
            "benchmark's folder, with --cell.",
        ),
    ],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="A data set, a folder, image files, a .txt file with a path a line, or a Parquet "
            "file of vectors (id, embedding) that are the backbone's features.",
        ),
    ],
    out: EmbeddingsOut,
    run_id: Annotated[
        str | None, typer.Option("--cell", help="Run id, or its beginning, of the cell.")
    ] = None,
    batch_size: BatchSize = 64,
    device: Device = "auto",
    overwrite: Annotated[str, typer.Option(help="never: refuse where there is one, always.")] = (
        "never"
    ),
    as_json: Json = False,
) -> None:
    """Embed IMAGES by what a cell of a benchmark trained, as the cell's own evaluation did."""
    from oodml.cli.embed_inputs import read_inputs
    from oodml.core.vectors import VectorTable
    from oodml.evaluation.files.write_embeddings import check_embedding_path, write_embeddings
    from oodml.runs import load_embedder

    check_embedding_path(out, overwrite)
    embedder = load_embedder(cell, run_id, device=device)
    data, columns = read_inputs(images)
    if isinstance(data, VectorTable):
        ids, rows = data.ids, embedder(data.vectors)
        say(f"vectors are taken as features of {embedder.info['backbone']}", error=True)
    else:
        ids, rows = data.image_ids, embedder(data, batch_size=batch_size)
    files = write_embeddings(out, VectorTable(ids, rows, columns))
    if as_json:
        facts = {"files": [str(file) for file in files], "rows": len(ids), "dim": rows.shape[1]}
        typer.echo(json.dumps({**facts, "embedder": embedder.info}, indent=2, ensure_ascii=False))
        return
    say(
        f"{len(ids)} embeddings of {rows.shape[1]} numbers by {embedder.info['title']} "
        f"({embedder.info['backbone']})"
    )
    for file in files:
        say(str(file))
