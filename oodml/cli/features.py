"""``oodml features``: features of a backbone as a file, and those that are cached."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from oodml.cli.options import BatchSize, DataArgument, Device, EmbeddingsOut, Json
from oodml.core.console import say, show

app = typer.Typer(
    no_args_is_help=True, help="Features of a frozen backbone: write them to a file, list them."
)


@app.command()
def export(
    data: DataArgument,
    out: EmbeddingsOut,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="oodml backbones list, or timm's arch.tag [tf_efficientnet_lite0; identity for "
            "vectors]."
        ),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(min=8, help="Side of the images in pixels [the backbone's].")
    ] = None,
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    engine: Annotated[
        str, typer.Option(help="What runs the network: auto, onnxruntime, torch, ...")
    ] = "auto",
    device: Device = "auto",
    batch_size: BatchSize = 64,
    dataset_name: Annotated[
        str | None, typer.Option(help="Name of a data set given by path [the folder's or file's].")
    ] = None,
    overwrite: Annotated[str, typer.Option(help="never: refuse where there is one, always.")] = (
        "never"
    ),
    as_json: Json = False,
) -> None:
    """Write ids, labels and features of DATA: what `oodml eval` and `oodml data add` read."""
    from oodml.cli.embed_inputs import columns_of
    from oodml.cli.split_inputs import backbone_for
    from oodml.core.vectors import VectorTable
    from oodml.datasets.given import given_data
    from oodml.evaluation.files.write_embeddings import check_embedding_path, write_embeddings
    from oodml.features import create_backbone, extract_features

    check_embedding_path(out, overwrite)
    if backbone is not None:
        create_backbone(backbone)  # a wrong name is told before a folder is read
    loaded = given_data(data, dataset_name).load()
    table = extract_features(
        loaded,
        backbone_for(loaded, backbone),
        image_size=image_size,
        batch_size=batch_size,
        device=device,
        precision=precision,
        engine=engine,
    )
    files = write_embeddings(out, VectorTable(table.image_ids, table.features, columns_of(loaded)))
    if as_json:
        facts = {"files": [str(file) for file in files], "manifest": table.manifest}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    rows, width = table.features.shape
    say(f"{rows} rows of {width} features by {table.manifest['backbone']}")
    for file in files:
        say(str(file))


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """The features that are cached on this machine."""
    from rich.box import SIMPLE
    from rich.table import Table

    from oodml.features.table import cached_features

    found = cached_features()
    if as_json:
        plain = [{"folder": str(folder), **manifest} for folder, manifest in found]
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    table = Table("data set", "backbone", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("pixels", "rows", "MB", "key"):
        table.add_column(column, justify="right")
    for _, manifest in found:
        preprocessing = manifest.get("preprocessing") or {}
        table.add_row(
            str(manifest.get("dataset", "")),
            str(manifest.get("backbone", "")),
            str(preprocessing.get("size", "")),
            f"{manifest.get('rows', 0):,}",
            f"{manifest.get('features_bytes', 0) / 1e6:.1f}",
            str(manifest.get("key", ""))[:16],
        )
    if not found:
        say("no features are cached")
        return
    show(table)
