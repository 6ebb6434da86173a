"""``oodml split``: make, look at and check ladders of class splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oodml.cli.options import DataArgument, Json
from oodml.cli.split_existing import ladder_there, made_or_kept
from oodml.cli.split_inputs import (
    backbone_for,
    check_features,
    data_of,
    data_of_file,
    feature_arguments,
    features_of,
    generator_options,
    names,
    numbers,
    superclasses_of,
    whole_numbers,
)
from oodml.cli.split_parts import print_parts
from oodml.cli.split_printing import print_diff, print_ladder, print_measurement
from oodml.core.console import say
from oodml.core.errors import IntegrityError
from oodml.core.targets import check_folder_target

app = typer.Typer(
    no_args_is_help=True, help="Make, check and compare ladders of class splits of growing shift."
)

LadderArgument = Annotated[Path, typer.Argument(help="Folder of a ladder, or its ladder.json.")]
BackboneOption = Annotated[
    str | None,
    typer.Option(
        help="Backbone whose features carry the shift [tf_efficientnet_lite0; identity for vectors]."
    ),
]
DataOption = Annotated[
    str | None, typer.Option(help="Data set, or path of one, to take features of [the ladder's].")
]
OverwriteOption = Annotated[
    str, typer.Option(help="never: refuse, missing: keep what is there, always.")
]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """What there is to choose from: generators, shift measures, backbones, formats."""
    print_parts(as_json)


@app.command()
def make(
    data: DataArgument,
    generator: Annotated[
        str, typer.Option(help="Ladder generator (oodml generators list).")
    ] = "target",
    levels: Annotated[
        int | None, typer.Option(help="Number of levels [one a step or target, else 6].")
    ] = None,
    backbone: BackboneOption = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images in pixels.")] = None,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder to write [splits/DATASET/NAME].")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the ladder.")] = None,
    dataset_name: Annotated[
        str | None, typer.Option(help="Name of a data set given by path [the folder's or file's].")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    targets: Annotated[str | None, typer.Option(help="Shift values wanted: 10,20,30.")] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option(
            "--steps", "--step", help="Steps of the generator that are the levels: -20,0,6,R22."
        ),
    ] = None,
    val_fraction: Annotated[float, typer.Option(help="Share of training classes for val.")] = 0.25,
    shots: Annotated[str, typer.Option(help="Shots of the few-shot episodes.")] = "2,5,10",
    episodes: Annotated[int, typer.Option(help="Episodes of each level and shot.")] = 10,
    min_images: Annotated[int, typer.Option(help="Leave out classes with fewer images.")] = 2,
    image_tolerance: Annotated[
        float | None, typer.Option(help="How far a side's image count may move, relative.")
    ] = None,
    remove_classes: Annotated[
        int, typer.Option(help="Then delete up to this many classes a side for more shift.")
    ] = 0,
    keep_superclasses: Annotated[bool, typer.Option(help="Move whole superclasses only.")] = False,
    pin_train: Annotated[list[str] | None, typer.Option(help="Class kept in training.")] = None,
    pin_test: Annotated[list[str] | None, typer.Option(help="Class kept in test.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the generator: NAME=VALUE.")
    ] = None,
    overwrite: OverwriteOption = "never",
    as_json: Json = False,
) -> None:
    """Make a ladder of class splits of growing shift."""
    from oodml.datasets.given import given_data
    from oodml.features import extract_features
    from oodml.runs.plan.spec import PROTOCOL_VERSION
    from oodml.shift import generate_ladder
    from oodml.shift.generators import create_generator
    from oodml.shift.rules import ladder_rules

    rules = ladder_rules(
        levels=levels,
        targets=numbers("--targets", targets),
        steps=names(steps),
        keep_superclasses=keep_superclasses,
        pinned_train=pin_train or (),
        pinned_test=pin_test or (),
        min_images=min_images,
        image_tolerance=image_tolerance,
        remove_classes=remove_classes,
        val_fraction=val_fraction,
        shots=whole_numbers("--shots", shots),
        episodes=episodes,
        seed=seed,
    )
    options = generator_options(option or [])
    chosen = create_generator(generator, **options)
    given = given_data(data, dataset_name)
    ladder_name = name or f"{generator}-{rules.level_count}"
    folder = out or Path("splits") / given.name / ladder_name
    there = ladder_there(folder, overwrite)
    check_features(backbone, image_size, device)
    loaded = given.load()
    network = backbone_for(loaded, backbone)
    arguments = {
        "name": ladder_name,
        "dataset": loaded.name,
        "features": feature_arguments(loaded, network, image_size),
        "generator": generator,
        "options": chosen.parameters,
        "rules": {**rules.parameters, "levels": rules.level_count},
        "protocol": PROTOCOL_VERSION,
    }
    ladder = made_or_kept(
        folder,
        there,
        arguments,
        lambda: generate_ladder(
            extract_features(loaded, network, image_size=image_size, device=device),
            generator=generator,
            superclass_of=loaded.superclass_of,
            default_split=loaded.default_split,
            **rules.parameters,
            name=ladder_name,
            dataset=loaded.name,
            dataset_fingerprint=loaded.fingerprint,
            **options,
        ),
    )
    print_ladder(ladder, folder, as_json)


@app.command()
def show(ladder: LadderArgument, as_json: Json = False) -> None:
    """Print the levels of a ladder."""
    from oodml.shift import load_ladder

    print_ladder(load_ladder(ladder), ladder, as_json)


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
    dataset: DataOption = None,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
) -> None:
    """Check hash, disjointness, counts, episodes; shift values where features are given."""
    from oodml.shift.ladder.checks import shift_problems, structural_problems
    from oodml.shift.ladder.file import read_ladder

    found = read_ladder(ladder)
    problems = structural_problems(found)
    means = None
    if features is not None or recompute:
        data = data_of(found, features, label_column, None, None, device, dataset)
        means = data.means()
        problems += shift_problems(found, means)
    if problems:
        raise IntegrityError(f"{ladder}: {len(problems)} problem(s)\n  " + "\n  ".join(problems))
    values = "shift values recomputed" if means is not None else "shift values not recomputed"
    say(f"{ladder}: sound, {len(found.levels)} levels, {values}, sha256 {found.sha256[:16]}")


@app.command()
def measure(
    ladder: LadderArgument,
    measure: Annotated[str, typer.Option(help="Measures with commas between, or all.")] = "all",
    backbone: Annotated[
        str | None, typer.Option(help="Backbone to see the ladder through [the ladder's own].")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images in pixels.")] = None,
    features: Annotated[
        Path | None, typer.Option(help="Embeddings Parquet with a label column instead.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="Label column of --features.")] = "label",
    dataset: DataOption = None,
    max_images: Annotated[
        int, typer.Option(help="Images a side for measures on images.", min=2)
    ] = 2048,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
    as_json: Json = False,
) -> None:
    """See a ladder through other shift measures or another backbone."""
    from oodml.shift import MEASURES, load_ladder
    from oodml.shift.measuring import measure_ladder

    found = load_ladder(ladder)
    names = None if measure == "all" else [part for part in measure.split(",") if part]
    for one in names or ():
        MEASURES.get(one)
    data = data_of(found, features, label_column, backbone, image_size, device, dataset)
    result = measure_ladder(found, data, names, max_images=max_images)
    seen = features.name if features else backbone or str(found.features.get("backbone", ""))
    print_measurement(found, result, seen, as_json)


@app.command()
def plot(
    ladder: LadderArgument,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pictures [the ladder's].")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(help="Embeddings Parquet for the map of the classes.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="Label column of --features.")] = "label",
    backbone: Annotated[
        str | None, typer.Option(help="Backbone for the map [the ladder's own].")
    ] = None,
    dataset: DataOption = None,
    classes_map: Annotated[
        bool, typer.Option("--map/--no-map", help="Draw the map of the classes.")
    ] = True,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
) -> None:
    """Draw shift by level, a map of the classes, and what moved (PNG and SVG)."""
    from oodml.shift import load_ladder
    from oodml.shift.plots import plot_ladder

    found = load_ladder(ladder)
    folder = out or (ladder if ladder.is_dir() else ladder.parent)
    check_folder_target("--out", folder)
    means = None
    if classes_map:
        means = data_of(found, features, label_column, backbone, None, device, dataset).means()
    superclass_of = superclasses_of(dataset or found.dataset)
    written = plot_ladder(found, folder, means=means, superclass_of=superclass_of)
    for path in written:
        say(str(path))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Split file, for instance .pkl, .csv or .json.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    kind: Annotated[
        str | None,
        typer.Option("--format", help="A format of `oodml split list` [told from the file]."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the ladder.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Data set, or path of one, to measure the shift on.")
    ] = None,
    backbone: BackboneOption = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images in pixels.")] = None,
    features: Annotated[
        Path | None, typer.Option(help="Embeddings Parquet to measure the shift on.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="Label column of --features.")] = "label",
    val_fraction: Annotated[float, typer.Option(help="Share of training classes for val.")] = 0.25,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of validation classes and episodes."),
    ] = 0,
    id_map: Annotated[
        Path | None,
        typer.Option(help="CSV with columns from, to (and class): ids of one's own images."),
    ] = None,
    device: Annotated[str, typer.Option(help="Device for the backbone.")] = "auto",
    overwrite: OverwriteOption = "never",
    as_json: Json = False,
) -> None:
    """Read class splits of the ooDML authors, of OML, or plain class lists."""
    from dataclasses import replace

    from oodml.core.hashing import sha256_file
    from oodml.datasets.given import given_data
    from oodml.runs.plan.spec import PROTOCOL_VERSION
    from oodml.shift.distance.labelled import LabelledFeatures
    from oodml.shift.formats import ladder_of_draft, read_split_file
    from oodml.shift.formats.id_map import read_id_map, with_mapped_ids
    from oodml.shift.ladder.episode_ids import episode_id_problem

    there = ladder_there(out, overwrite)
    draft = read_split_file(file, given_data(dataset).name if dataset else "", kind)
    draft = replace(draft, name=name or draft.name)
    if id_map is not None:
        draft = with_mapped_ids(draft, read_id_map(id_map))
    data, key, fingerprint = None, "", ""
    if features is not None:
        data, key = data_of_file(features, label_column), sha256_file(features)
    elif dataset is not None:
        check_features(backbone, image_size, device)
        loaded, table = features_of(dataset, backbone, image_size, device)
        data, key, fingerprint = LabelledFeatures.of(table), table.key, loaded.fingerprint
    arguments = {
        "name": draft.name,
        "dataset": draft.dataset,
        "dataset_fingerprint": fingerprint,
        "features": key,
        "label_column": label_column if features else None,
        "file": sha256_file(file / "ladder.json" if file.is_dir() else file),
        "format": kind,
        "id_map": sha256_file(id_map) if id_map else None,
        "val_fraction": val_fraction,
        "seed": seed,
        "protocol": PROTOCOL_VERSION,
    }
    ladder = made_or_kept(
        out,
        there,
        arguments,
        lambda: ladder_of_draft(
            draft, data, dataset_fingerprint=fingerprint, val_fraction=val_fraction, seed=seed
        ),
    )
    print_ladder(ladder, out, as_json)
    if data is not None and data.image_ids is not None:
        problem = episode_id_problem(ladder, data.image_ids, file=out)
        if problem:
            say(f"note: {problem}", error=True)


@app.command()
def export(
    ladder: LadderArgument,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    kind: Annotated[
        str, typer.Option("--format", help="A format of `oodml split list` that can be written.")
    ] = "huggingface",
    dataset: Annotated[
        str | None, typer.Option(help="Data set for image ids and attribution [the ladder's].")
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", help="Licence of the class lists, for the card.")
    ] = "other",
) -> None:
    """Write a ladder as OML tables or as a Hugging Face data set with Croissant metadata."""
    from oodml.shift import load_ladder
    from oodml.shift.formats import Origin, write_split_files

    check_folder_target("--out", out)
    found = load_ladder(ladder)
    origin = Origin(dataset or found.dataset, licence)
    for path in write_split_files(found, out, kind, origin):
        say(str(path))


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="A ladder.")],
    second: Annotated[Path, typer.Argument(help="Another ladder.")],
    as_json: Json = False,
) -> None:
    """Compare two ladders; ends with code 1 when their class lists or episodes differ."""
    from oodml.shift import load_ladder
    from oodml.shift.ladder.diff import diff_ladders

    found = diff_ladders(load_ladder(first), load_ladder(second))
    print_diff(found, as_json)
    if not found.same_splits:
        raise typer.Exit(1)
