"""``oodml table`` and ``oodml plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oodml.core.console import say
from oodml.core.targets import FIGURE_ENDINGS, check_file_target, check_folder_target
from oodml.core.values import shown

if TYPE_CHECKING:
    import pandas as pd

ResultsArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="results.parquet, or the folder of a benchmark")
]
MetricOption = Annotated[
    str | None,
    typer.Option(
        help="which metric; table --list shows them [default: recall_at_1, or the first there is]"
    ),
]
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
    metric: MetricOption = None,
    setting: SettingOption = None,
    condition: ConditionOption = None,
    task: TaskOption = None,
    shots: ShotsOption = None,
    format: Annotated[
        str, typer.Option(help="terminal, markdown, csv, latex or html")
    ] = "terminal",
    spread: SpreadOption = "std",
    out: Annotated[Path | None, typer.Option(help="write to this file instead")] = None,
    share: Annotated[
        bool, typer.Option("--share", help="the transfer share in place of the metric")
    ] = False,
    intervals: Annotated[
        bool | None,
        typer.Option(
            "--intervals/--no-intervals",
            help="intervals over test classes in brackets [default: where the terminal is wide enough]",
        ),
    ] = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="list metrics, settings and conditions")
    ] = False,
) -> None:
    """Methods x levels with AGS: mean over seeds, best in bold, marks for what is not told from it."""
    from oodml.core.errors import UsageError
    from oodml.core.files import write_text
    from oodml.reports import SHARE_FORMATS, list_table_formats, render, render_share, summarise_all
    from oodml.reports import with_shares as only_with_shares
    from oodml.reports.share_terminal import print_shares
    from oodml.reports.terminal import print_table
    from oodml.runs import read_results

    formats = ("terminal", *(SHARE_FORMATS if share else list_table_formats()))
    if format not in formats:
        raise UsageError(f"--format {shown(format)}: expected one of {', '.join(formats)}")
    if format == "terminal" and out is not None:
        raise UsageError("--out needs a --format other than terminal")
    if out is not None:
        check_file_target("--out", out)
    rows = read_results(results)
    if list_them:
        _print_contents(rows)
        return
    metric = metric or _first_metric(rows)
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
    if share:
        summaries = only_with_shares(summaries)
    elif intervals is False:
        summaries = [one.without_intervals() for one in summaries]
    if format == "terminal" and share:
        print_shares(*summaries)
    elif format == "terminal":
        print_table(*summaries, intervals=intervals)
    else:
        text = render_share(summaries, format) if share else render(summaries, format)
        if out is None:
            print(text, end="")
        else:
            write_text(out, text)
            say(str(out))


def plot(
    results: ResultsArgument,
    metric: MetricOption = None,
    setting: SettingOption = None,
    condition: ConditionOption = None,
    task: TaskOption = None,
    shots: ShotsOption = None,
    spread: SpreadOption = "std",
    share: Annotated[
        bool, typer.Option("--share", help="the transfer share in place of the metric")
    ] = False,
    out: Annotated[
        list[Path] | None, typer.Option(help="PNG, SVG or PDF file; give it again for more")
    ] = None,
) -> None:
    """A metric against measured shift, a curve a method."""
    from oodml.core.errors import UsageError
    from oodml.reports import draw_figure, draw_share, save_figure, summarise_all, with_shares
    from oodml.runs import read_results

    for path in out or []:
        check_file_target("--out", path, FIGURE_ENDINGS)
    if not out:
        check_folder_target("RESULTS", _folder(results))
    rows = read_results(results)
    metric = metric or _first_metric(rows)
    summaries = summarise_all(
        rows,
        metric,
        spread,
        setting=setting,
        conditions=condition,
        task=task,
        shots=shots,
        folder=_folder(results) if share else None,  # curves of the metric need no tests
    )
    if share:
        summaries = with_shares(summaries)
    kind = f"{metric}-share" if share else metric
    if out and len(summaries) > 1:
        known = ", ".join(summary.setting for summary in summaries)
        raise UsageError(f"--out is for one figure; choose a --setting: {known}")
    for summary in summaries:
        name = kind if len(summaries) == 1 else f"{kind}-{summary.setting.replace('/', '-')}"
        figure = draw_share(summary) if share else draw_figure(summary)
        for path in out or [_folder(results) / f"{name}.{suffix}" for suffix in ("png", "svg")]:
            save_figure(figure, path)
            say(str(path))


def _first_metric(rows: pd.DataFrame) -> str:
    """Recall@1, or the first metric of results without it."""
    metrics = rows["metric"].tolist()
    return "recall_at_1" if "recall_at_1" in metrics or not metrics else str(metrics[0])


def _folder(results: Path) -> Path:
    return results if results.is_dir() else results.parent


def _print_contents(rows: pd.DataFrame) -> None:
    from oodml.reports.contents import contents_of

    for kind, names in contents_of(rows).items():
        say(f"{kind}:")
        for name in names:
            say(f"  {name}")
