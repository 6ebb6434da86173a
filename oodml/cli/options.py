"""Arguments and options that several commands share, so that they are called and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Data set (oodml data list), a folder with a folder of images a class, or a "
        "Parquet file of vectors (id, embedding, label).",
    ),
]
EmbeddingsOut = Annotated[
    Path, typer.Option("--out", help="File to write: .parquet, .npy or .safetensors.")
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Images at once.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
