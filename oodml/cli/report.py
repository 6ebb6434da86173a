"""``oodml table`` and ``oodml plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

ResultsArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="results.parquet, or the folder of a benchmark")
]
MetricOption = Annotated[str, typer.Option(help="which metric; table --list shows them")]
SettingOption = Annotated[
    str | None, typer.Option(help="only this setting; by default all, one after the other")
]
ConditionOption = Annotated[
    list[str] | None, typer.Option("--condition", help="only this condition; may be given again")
]
TaskOption = Annotated[str | None, typer.Option(help="for a metric of several tasks: which")]
ShotsOption = Annotated[int | None, typer.Option(help="for several numbers of shots: how many")]
SpreadOption = Annotated[str, typer.Option("--spread", help="what ± is: std, sem or t95")]


def table(
    results: ResultsArgument,
    metric: MetricOption = "recall_at_1",
    setting: SettingOption = None,
    condition: ConditionOption = None,
    task: TaskOption = None,
    shots: ShotsOption = None,
    format: Annotated[
        str, typer.Option(help="terminal, markdown, csv, latex or html")
    ] = "terminal",
    spread: SpreadOption = "std",
    out: Annotated[Path | None, typer.Option(help="write to this file instead")] = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="list metrics, settings and conditions")
    ] = False,
) -> None:
    """Methods x levels with AGS: mean over seeds, best in bold, marks for what is not told from it."""
    from oodml.core.errors import UsageError
    from oodml.core.files import write_text
    from oodml.reports import list_table_formats, render, summarise_all
    from oodml.reports.terminal import print_table
    from oodml.runs import read_results

    rows = read_results(results)
    if list_them:
        _print_contents(rows)
        return
    if format not in ("terminal", *list_table_formats()):
        known = ", ".join(("terminal", *list_table_formats()))
        raise UsageError(f"--format {format!r}: expected one of {known}")
    if format == "terminal" and out is not None:
        raise UsageError("--out needs a --format other than terminal")
    summaries = summarise_all(
        rows,
        metric,
        spread,
        setting=setting,
        conditions=condition,
        task=task,
        shots=shots,
        folder=_folder(results),
    )
    if format == "terminal":
        print_table(*summaries)
    elif out is not None:
        write_text(out, render(summaries, format))
        print(out)
    else:
        print(render(summaries, format), end="")


def plot(
    results: ResultsArgument,
    metric: MetricOption = "recall_at_1",
    setting: SettingOption = None,
    condition: ConditionOption = None,
    task: TaskOption = None,
    shots: ShotsOption = None,
    spread: SpreadOption = "std",
    out: Annotated[
        list[Path] | None, typer.Option(help="PNG, SVG or PDF file; give it again for more")
    ] = None,
) -> None:
    """A metric against measured shift, a curve a method."""
    from oodml.core.errors import UsageError
    from oodml.reports import draw_figure, save_figure, summarise_all
    from oodml.runs import read_results

    for path in out or []:
        if path.suffix not in (".png", ".svg", ".pdf"):
            raise UsageError(f"--out {path}: expected a name that ends in .png, .svg or .pdf")
    # without the folder: the curves need no tests
    summaries = summarise_all(
        read_results(results),
        metric,
        spread,
        setting=setting,
        conditions=condition,
        task=task,
        shots=shots,
    )
    if out and len(summaries) > 1:
        known = ", ".join(summary.setting for summary in summaries)
        raise UsageError(f"--out is for one figure; choose a --setting: {known}")
    for summary in summaries:
        name = metric if len(summaries) == 1 else f"{metric}-{summary.setting.replace('/', '-')}"
        figure = draw_figure(summary)
        for path in out or [_folder(results) / f"{name}.{suffix}" for suffix in ("png", "svg")]:
            save_figure(figure, path)
            print(path)


def _folder(results: Path) -> Path:
    return results if results.is_dir() else results.parent


def _print_contents(rows: pd.DataFrame) -> None:
    from oodml.reports.contents import contents_of

    for kind, names in contents_of(rows).items():
        print(f"{kind}:")
        for name in names:
            print(f"  {name}")
