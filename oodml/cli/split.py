"""``oodml split``: make, look at and check ladders of class splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oodml.core.errors import DataError, IntegrityError, UsageError

if TYPE_CHECKING:
    from oodml.shift.ladder import Ladder
    from oodml.shift.means import ClassMeans

app = typer.Typer(
    no_args_is_help=True, help="Make, check and compare ladders of class splits of growing shift."
)

LadderArgument = Annotated[Path, typer.Argument(help="Folder of a ladder, or its ladder.json.")]
BackboneOption = Annotated[str, typer.Option(help="Backbone whose features carry the shift.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_DEFAULT_BACKBONE = "tf_efficientnet_lite0"


@app.command()
def make(
    dataset: Annotated[str, typer.Argument(help="Data set (oodml data list).")],
    generator: Annotated[str, typer.Option(help="Ladder generator.")] = "target",
    levels: Annotated[int, typer.Option(help="Number of levels.")] = 6,
    backbone: BackboneOption = _DEFAULT_BACKBONE,
    image_size: Annotated[int | None, typer.Option(help="Side of the images in pixels.")] = None,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder to write [splits/DATASET/NAME].")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the ladder.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    targets: Annotated[str | None, typer.Option(help="Shift values wanted: 10,20,30.")] = None,
    val_fraction: Annotated[float, typer.Option(help="Share of training classes for val.")] = 0.25,
    shots: Annotated[str, typer.Option(help="Shots of the few-shot episodes.")] = "2,5,10",
    episodes: Annotated[int, typer.Option(help="Episodes of each level and shot.")] = 10,
    min_images: Annotated[int, typer.Option(help="Leave out classes with fewer images.")] = 2,
    image_tolerance: Annotated[
        float | None, typer.Option(help="How far a side's image count may move, relative.")
    ] = None,
    keep_superclasses: Annotated[bool, typer.Option(help="Move whole superclasses only.")] = False,
    pin_train: Annotated[list[str] | None, typer.Option(help="Class kept in training.")] = None,
    pin_test: Annotated[list[str] | None, typer.Option(help="Class kept in test.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the generator: NAME=VALUE.")
    ] = None,
    overwrite: Annotated[
        str, typer.Option(help="never: refuse, missing: keep what is there, always.")
    ] = "never",
    as_json: JsonOption = False,
) -> None:
    """Make a ladder of class splits of growing shift."""
    from oodml.shift import generate_ladder, load_ladder

    if overwrite not in ("never", "missing", "always"):
        raise UsageError(f"--overwrite {overwrite!r}: expected never, missing or always")
    wanted = _numbers("--targets", targets)
    ladder_name = name or f"{generator}-{len(wanted) if wanted else levels}"
    folder = out or Path("splits") / dataset / ladder_name
    exists = (folder / "ladder.json").exists()
    if exists and overwrite == "missing":
        _print_ladder(load_ladder(folder), folder, as_json)
        return
    if exists and overwrite == "never":
        raise UsageError(f"{folder} has a ladder already; --overwrite always replaces it")
    loaded, table = _features(dataset, backbone, image_size, device)
    ladder = generate_ladder(
        table,
        generator=generator,
        levels=len(wanted) if wanted else levels,
        superclass_of=loaded.superclass_of,
        default_split=loaded.default_split,
        targets=wanted,
        keep_superclasses=keep_superclasses,
        pinned_train=pin_train or (),
        pinned_test=pin_test or (),
        min_images=min_images,
        image_tolerance=image_tolerance,
        val_fraction=val_fraction,
        shots=[int(value) for value in _numbers("--shots", shots) or ()],
        episodes=episodes,
        seed=seed,
        name=ladder_name,
        dataset=loaded.name,
        dataset_fingerprint=loaded.fingerprint,
        **_generator_options(option or []),
    )
    ladder.save(folder)
    _print_ladder(ladder, folder, as_json)


@app.command()
def show(ladder: LadderArgument, as_json: JsonOption = False) -> None:
    """Print the levels of a ladder."""
    from oodml.shift import load_ladder

    _print_ladder(load_ladder(ladder), ladder, as_json)


@app.command()
def check(
    ladder: LadderArgument,
    features: Annotated[
        Path | None, typer.Option(help="Embeddings Parquet with a label column to recompute from.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="Label column of --features.")] = "label",
    recompute: Annotated[
        bool, typer.Option(help="Extract the features again and recompute every shift value.")
    ] = False,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
) -> None:
    """Check hash, disjointness, counts, episodes; shift values where features are given."""
    from rich import print as show_text

    from oodml.shift.checks import shift_problems, structural_problems
    from oodml.shift.ladder_file import read_ladder

    found = read_ladder(ladder)
    problems = structural_problems(found)
    means = None
    if features is not None:
        means = _means_of_file(features, label_column)
    elif recompute:
        means = _means_of_backbone(found, device)
    if means is not None:
        problems += shift_problems(found, means)
    if problems:
        raise IntegrityError(f"{ladder}: {len(problems)} problem(s)\n  " + "\n  ".join(problems))
    values = "shift values recomputed" if means is not None else "shift values not recomputed"
    show_text(f"{ladder}: sound, {len(found.levels)} levels, {values}, sha256 {found.sha256[:16]}")


def _features(dataset: str, backbone: str, image_size: int | None, device: str) -> tuple[Any, Any]:
    from oodml.datasets import load_dataset
    from oodml.features import extract_features

    loaded = load_dataset(dataset)
    return loaded, extract_features(loaded, backbone, image_size=image_size, device=device)


def _means_of_file(path: Path, label_column: str) -> ClassMeans:
    from oodml.core.vectors import read_vectors
    from oodml.shift import class_means

    table = read_vectors(path)
    if label_column not in table.columns:
        known = ", ".join(table.columns) or "none"
        raise DataError(f"{path}: no column {label_column!r} with class names (found: {known})")
    return class_means(table.vectors, table.columns[label_column], image_ids=table.ids)


def _means_of_backbone(ladder: Ladder, device: str) -> ClassMeans:
    import numpy as np

    from oodml.shift import class_means

    backbone = ladder.features.get("backbone")
    if not ladder.dataset or not backbone:
        raise UsageError(
            "the ladder names no data set or backbone to recompute from; give --features"
        )
    preprocessing = ladder.features.get("preprocessing") or {}
    loaded, table = _features(ladder.dataset, str(backbone), preprocessing.get("size"), device)
    if ladder.dataset_fingerprint and loaded.fingerprint != ladder.dataset_fingerprint:
        raise IntegrityError(
            f"data set {ladder.dataset!r} has fingerprint {loaded.fingerprint[:16]}, the ladder "
            f"was made for {ladder.dataset_fingerprint[:16]}"
        )
    names = np.asarray(table.class_names, dtype=str)[np.asarray(table.labels)]
    return class_means(table.features, names, image_ids=table.image_ids)


def _numbers(flag: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"{flag} {text!r}: expected numbers with commas between them") from None


def _generator_options(given: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--option {text!r}: expected NAME=VALUE")
        try:
            options[key] = json.loads(value)
        except json.JSONDecodeError:
            options[key] = value
    return options


def _print_ladder(ladder: Ladder, folder: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_summary(ladder, folder), indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    title = f"{ladder.name}: {ladder.dataset or 'unnamed data'}, {ladder.measure}"
    table = Table(title=title)
    for column in (
        "level",
        "shift",
        "target",
        "train",
        "val",
        "test",
        "train images",
        "test images",
        "reached by",
    ):
        table.add_column(column, justify="left" if column == "reached by" else "right")
    for level in ladder.levels:
        counts = level.counts
        missed = "" if level.reached else " *"
        table.add_row(
            str(level.index),
            f"{level.shift:.4g}",
            "" if level.target is None else f"{level.target:.4g}{missed}",
            str(counts["train_classes"]),
            str(counts["val_classes"]),
            str(counts["test_classes"]),
            str(counts["train_images"] + counts["val_images"]),
            str(counts["test_images"]),
            f"{level.stage} {level.step}" if level.stage else "",
        )
    console = Console()
    console.print(table)
    if not all(level.reached for level in ladder.levels):
        console.print("* more than 1 % from its target")
    for name, reason in list(ladder.left_out.items())[:5]:
        console.print(f"left out: {name} ({reason})", markup=False)
    if len(ladder.left_out) > 5:
        console.print(f"... and {len(ladder.left_out) - 5} more classes left out")
    _print_few(ladder, console)
    console.print(
        f"sha256 {ladder.sha256}\n{folder}", markup=False, highlight=False, soft_wrap=True
    )


def _print_few(ladder: Ladder, console: Any) -> None:
    if ladder.episode_table is None:
        console.print("no few-shot episodes")
        return
    for shots in ladder.episode_table.all_shots:
        few = {n for level in ladder.levels for n in ladder.too_few_images(level.index, shots)}
        if few:
            console.print(f"{shots}-shot episodes leave out {len(few)} classes with too few images")


def _summary(ladder: Ladder, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "name": ladder.name,
        "dataset": ladder.dataset,
        "generator": ladder.generator,
        "measure": ladder.measure,
        "seed": ladder.seed,
        "features": dict(ladder.features),
        "sha256": ladder.sha256,
        "left_out": dict(ladder.left_out),
        "levels": [
            {
                "index": level.index,
                "shift": level.shift,
                "shifts": dict(level.shifts),
                "target": level.target,
                "reached": level.reached,
                "counts": dict(level.counts),
                "stage": level.stage,
                "step": level.step,
            }
            for level in ladder.levels
        ],
    }
