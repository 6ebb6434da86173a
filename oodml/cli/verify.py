"""``oodml verify``: are two images of one class? Scores of labelled pairs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from oodml.cli.options import Json
from oodml.core.errors import UsageError


def verify(
    embeddings: Annotated[
        Path, typer.Argument(help="Parquet (id, embedding), .npy [N, D] or safetensors file.")
    ],
    pairs: Annotated[
        Path,
        typer.Option(
            "--pairs",
            help="CSV or Parquet file with first, second (ids, or row numbers from 0), same (1 or "
            "0) and, if you like, fold.",
        ),
    ],
    ids: Annotated[
        Path | None,
        typer.Option("--ids", help="CSV or Parquet file with a column id, row by row."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Consecutive folds, if the pairs have no column fold. [default: 10]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score pairs of EMBEDDINGS by cosine: accuracy over folds, ROC AUC, EER, TAR at FAR."""
    from oodml.evaluation import verification
    from oodml.evaluation.files.embedding_files import read_embeddings
    from oodml.evaluation.files.pair_files import read_pairs

    rows, names = read_embeddings(embeddings, ids)
    given = read_pairs(pairs, names, len(rows))
    if folds is not None and given.folds is not None:
        raise UsageError(f"--folds {folds}: {pairs} has a column fold; leave out one of them")
    report = verification(
        rows,
        given.first,
        given.second,
        given.same,
        folds=(10 if folds is None else folds) if given.folds is None else given.folds,
    )
    if as_json:
        plain = asdict(report)
        plain["tar_at_far"] = {f"{far:g}": value for far, value in report.tar_at_far.items()}
        typer.echo(json.dumps(plain, indent=2))
        return
    from rich.table import Table

    from oodml.core.console import show

    table = Table(
        title=str(embeddings),
        caption=f"{report.same_pairs} pairs of one class, {report.different_pairs} of two; "
        f"± is the standard deviation over {report.folds} folds",
        caption_justify="left",
    )
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_row(
        "accuracy at the best threshold", f"{report.accuracy:.4f} ± {report.accuracy_std:.4f}"
    )
    table.add_row("area under the ROC curve", f"{report.auc:.4f}")
    table.add_row("equal error rate", f"{report.eer:.4f}")
    for far, value in report.tar_at_far.items():
        table.add_row(f"true accepts at {far:g} false accepts", f"{value:.4f}")
    show(table)
