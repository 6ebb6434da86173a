"""``oodml eval``: score embeddings made anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from oodml.cli.eval_tables import neighbours_json, print_neighbours, print_report, report_json
from oodml.core.console import say
from oodml.core.errors import DataError, UsageError
from oodml.core.targets import FIGURE_ENDINGS, check_file_target
from oodml.core.values import LARGEST_INTEGER

if TYPE_CHECKING:
    from oodml.evaluation import Report
    from oodml.evaluation.files.embedding_files import LabelledEmbeddings


def eval_command(
    embeddings: Path = typer.Argument(
        ..., help="Parquet (id, embedding), .npy [N, D] or safetensors file."
    ),
    labels: str = typer.Option(
        ...,
        "--labels",
        help="CSV or Parquet file with id and label, or a column of the embeddings file.",
    ),
    ids: Path | None = typer.Option(
        None, "--ids", help="CSV or Parquet file with a column id, row by row (.npy, safetensors)."
    ),
    gallery: Path | None = typer.Option(
        None, "--gallery", help="Gallery embeddings; without it each row is a query to all others."
    ),
    gallery_labels: str | None = typer.Option(
        None, "--gallery-labels", help="Like --labels, for the gallery. Default: same as --labels."
    ),
    gallery_ids: Path | None = typer.Option(None, "--gallery-ids", help="Like --ids."),
    metrics: str | None = typer.Option(
        None, "--metrics", help="Comma-separated, for instance recall_at_1,map_at_r."
    ),
    similarity: str = typer.Option("cosine", help="cosine, dot or euclidean."),
    seed: int = typer.Option(0, "--seed", min=0, help="Seed of k-means (nmi, ami, f1_pairwise)."),
    train_classes: int | None = typer.Option(
        None,
        "--train-classes",
        min=1,
        help="Number of training classes, for nmi_oodml.",
    ),
    memory: int = typer.Option(
        256, "--memory", min=1, help="Working memory of exact ranking, in MiB."
    ),
    device: str | None = typer.Option(None, "--device", help="cpu (default), cuda, ..."),
    approximate: int | None = typer.Option(
        None,
        "--approximate",
        help="Only find the first K neighbours, with faiss.",
        metavar="K",
    ),
    index: str | None = typer.Option(
        None, help="For --approximate: a faiss factory string. [default: auto]"
    ),
    probes: int | None = typer.Option(
        None,
        help="For --approximate: lists of an inverted file looked at. [default: 16]",
    ),
    groups: Path | None = typer.Option(
        None, "--groups", help="CSV or Parquet file with class and group, to score groups too."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    save: Path | None = typer.Option(
        None, "--save-ranks", help="Write the positive ranks there (Parquet)."
    ),
    plot_classes: Path | None = typer.Option(
        None, "--plot-classes", help="Draw the score of every class there (.png, .svg, .pdf)."
    ),
    plot_retrieval: Path | None = typer.Option(
        None, "--plot-retrieval", help="Draw queries with their nearest images there."
    ),
    images: str | None = typer.Option(
        None,
        "--images",
        help="For --plot-retrieval: a data set's name or a folder; ids are image ids or paths.",
    ),
) -> None:
    """Score EMBEDDINGS by exact retrieval: every image a query against all others, or a gallery."""
    from oodml.core.devices import check_torch_device
    from oodml.evaluation import (
        DEFAULT_METRICS,
        approximate_neighbours,
        check_listed_metrics,
        evaluate,
        metrics_from_neighbours,
        metrics_within,
        save_ranks,
    )
    from oodml.evaluation.files.embedding_files import read_groups, read_labelled
    from oodml.evaluation.inputs.frame import check_similarity
    from oodml.evaluation.report import resolve_metrics
    from oodml.reports.image_lookup import find_images

    if approximate is not None and (save or plot_classes or plot_retrieval or groups):
        raise UsageError(
            "--approximate finds no ranks: leave out --save-ranks, --plot-... and --groups"
        )
    if approximate is None and (index is not None or probes is not None):
        raise UsageError("--index and --probes go with --approximate K")
    names = [name.strip() for name in metrics.split(",") if name.strip()] if metrics else None
    # A metric that cannot be had should fail before a large file is read.
    chosen = resolve_metrics(names)
    if approximate is not None:
        check_listed_metrics(names or (), approximate)
    if groups is not None and all(metric.takes == "embeddings" for metric in chosen):
        raise UsageError("--groups: needs a retrieval metric, for instance recall_at_1")
    if save is not None:
        check_file_target("--save-ranks", save)
    for flag, target in {
        "--plot-classes": plot_classes,
        "--plot-retrieval": plot_retrieval,
    }.items():
        if target is not None:
            check_file_target(flag, target, FIGURE_ENDINGS)
    if plot_classes is not None and all(metric.takes == "embeddings" for metric in chosen):
        raise UsageError("--plot-classes: needs a retrieval metric, for instance recall_at_1")
    if plot_retrieval is not None and (images is None or gallery is not None):
        raise UsageError("--plot-retrieval: needs --images, and no --gallery")
    check_similarity(similarity)
    _check_sizes(
        seed=seed,
        memory=memory,
        train_classes=train_classes,
        probes=probes,
        approximate=approximate,
    )
    if device is not None and approximate is None:
        check_torch_device(device)
    group_of = None if groups is None else read_groups(groups)
    rows = read_labelled(embeddings, labels, ids)
    others = None
    if gallery is not None:
        others = read_labelled(gallery, gallery_labels or labels, gallery_ids)
    if plot_retrieval is not None and rows.ids is None:
        raise UsageError(f"--plot-retrieval: {embeddings} has no ids; give them with --ids")
    look_up = None
    if plot_retrieval is not None and images is not None and rows.ids is not None:
        look_up = find_images(images, rows.ids)
        look_up(0)  # the wrong folder is told now, not when all is scored
    given = _as_arguments(rows, others)
    if approximate is not None:
        options = {"index": index, "probes": probes, "device": device}
        given |= {name: value for name, value in options.items() if value is not None}
        lists = approximate_neighbours(**given, k=approximate, similarity=similarity)
        scores = metrics_from_neighbours(lists, names or metrics_within(lists, DEFAULT_METRICS))
        if as_json:
            typer.echo(json.dumps(neighbours_json(lists, scores), indent=2))
        else:
            print_neighbours(lists, scores, str(embeddings), rows.unused_labels)
        return
    if group_of is not None and (missing := set(rows.labels) - {""} - set(group_of)):
        raise DataError(f"{groups}: no group for class {min(missing)!r} ({len(missing)} missing)")
    report = evaluate(
        **given,
        metrics=names,
        similarity=similarity,
        memory_mib=memory,
        device=device,
        seed=seed,
        train_classes=train_classes,
    )
    if save is not None:
        save_ranks(report.ranks, save)
    if plot_classes is not None:
        _draw_classes(report, plot_classes)
    if plot_retrieval is not None and look_up is not None:
        _draw_retrieval(report, rows, similarity, look_up, plot_retrieval)
    if as_json:
        typer.echo(json.dumps(report_json(report, group_of), indent=2))
        return
    print_report(report, str(embeddings), rows.unused_labels, group_of)
    for name, path in {"ranks": save, "classes": plot_classes, "retrieval": plot_retrieval}.items():
        if path is not None:
            say(f"{name}: {path}")


def _check_sizes(**given: int | None) -> None:
    """UsageError for a number that no library takes."""
    for name, value in given.items():
        # MiB are multiplied to bytes
        if value is not None and value > LARGEST_INTEGER >> 20:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag} {value}: expected at most {LARGEST_INTEGER >> 20}")


def _draw_classes(report: Report, path: Path) -> None:
    from oodml.core.figures import save_figure
    from oodml.reports.pictures import per_class_picture

    metric = next(iter(report.macro))
    interval = report.intervals(average="macro")[metric]
    save_figure(per_class_picture(report, metric, interval=interval), path)


def _draw_retrieval(
    report: Report,
    rows: LabelledEmbeddings,
    similarity: str,
    load: Callable[[int], Any],
    path: Path,
) -> None:
    from oodml.core.figures import save_figure
    from oodml.evaluation.report import report_from_ranks
    from oodml.evaluation.search.neighbours import nearest_neighbours
    from oodml.reports.pictures import retrieval_picture, spread_queries

    assert rows.ids is not None
    scores = report_from_ranks(report.ranks, ["map_at_r"]).per_query("map_at_r")
    row_of = {one: row for row, one in enumerate(rows.ids)}
    chosen = spread_queries(scores, 8)
    queries = [row_of[report.ranks.query_ids[query]] for query in chosen]
    notes = {row: f"MAP@R {scores[q]:.2f}" for row, q in zip(queries, chosen, strict=True)}
    near = nearest_neighbours(
        rows.embeddings, queries, min(8, len(rows.ids) - 1), similarity=similarity
    )
    picture = retrieval_picture(queries, near, rows.labels, load, notes=notes)
    save_figure(picture, path)


def _as_arguments(rows: LabelledEmbeddings, others: LabelledEmbeddings | None) -> dict[str, Any]:
    """Queries and gallery by the names that `evaluate` and `approximate_neighbours` have for them."""
    given = {"embeddings": rows.embeddings, "labels": rows.labels, "ids": rows.ids}
    if others is not None:
        given |= {
            "gallery_embeddings": others.embeddings,
            "gallery_labels": others.labels,
            "gallery_ids": others.ids,
        }
    return given


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command("eval")(eval_command)
