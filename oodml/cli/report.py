"""``oodml table`` and ``oodml plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ResultsArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="results.parquet, or the folder of a benchmark")
]
MetricOption = Annotated[str, typer.Option(help="which metric; --list shows them")]
SpreadOption = Annotated[str, typer.Option("--spread", help="what ± is: std, sem or t95")]


def table(
    results: ResultsArgument,
    metric: MetricOption = "recall_at_1",
    format: Annotated[
        str, typer.Option(help="terminal, markdown, csv, latex or html")
    ] = "terminal",
    spread: SpreadOption = "std",
    out: Annotated[Path | None, typer.Option(help="write to this file instead")] = None,
    list_metrics: Annotated[bool, typer.Option("--list", help="list the metrics")] = False,
) -> None:
    """Methods x levels: mean over seeds, best in bold."""
    from oodml.core.errors import UsageError
    from oodml.core.files import write_text
    from oodml.reports import FORMATS, render, summarise
    from oodml.reports.terminal import print_table
    from oodml.runs import read_results

    rows = read_results(results)
    if list_metrics:
        for name in sorted(rows["metric"].unique()):
            print(name)
        return
    if format not in ("terminal", *FORMATS):
        known = ", ".join(("terminal", *FORMATS))
        raise UsageError(f"--format {format!r}: expected one of {known}")
    summary = summarise(rows, metric, spread)
    if format == "terminal":
        if out is not None:
            raise UsageError("--out needs a --format other than terminal")
        print_table(summary)
    elif out is not None:
        write_text(out, render(summary, format))
        print(out)
    else:
        print(render(summary, format), end="")


def plot(
    results: ResultsArgument,
    metric: MetricOption = "recall_at_1",
    spread: SpreadOption = "std",
    out: Annotated[
        list[Path] | None, typer.Option(help="PNG or SVG file; give it twice for both")
    ] = None,
) -> None:
    """A metric against measured shift, a curve a method."""
    from oodml.core.errors import UsageError
    from oodml.reports import draw_figure, save_figure, summarise
    from oodml.runs import read_results

    folder = results if results.is_dir() else results.parent
    paths = out or [folder / f"{metric}.png", folder / f"{metric}.svg"]
    for path in paths:
        if path.suffix not in (".png", ".svg"):
            raise UsageError(f"--out {path}: expected a name that ends in .png or .svg")
    figure = draw_figure(summarise(read_results(results), metric, spread))
    for path in paths:
        save_figure(figure, path)
        print(path)
