"""All files of a report at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import pandas as pd

from oodml.core.errors import OodmlError
from oodml.core.figures import save_figure
from oodml.core.files import write_text
from oodml.core.foreign import named_failure
from oodml.core.paths import PathLike, as_path
from oodml.reports.figure import draw_figure
from oodml.reports.formats import list_table_formats, render, table_format
from oodml.reports.index import index_page
from oodml.reports.settings import settings_of
from oodml.reports.share_figure import draw_share
from oodml.reports.share_table import render_share
from oodml.reports.summarise import summarise_all
from oodml.reports.summary import Summary

INDEX_FILE = "tables.md"
_FIGURES = ("png", "svg")


@dataclass(frozen=True)
class WrittenReport:
    """What `write_report` made.

    Attributes:
        summaries: one a setting.
        files: what to look at first, by what it is: "table", "page" and "figure" of the one
            setting, or the index, "tables".
        failed: file -> why it could not be written; all others were.
    """

    summaries: tuple[Summary, ...]
    files: dict[str, Path]
    failed: dict[str, str] = field(default_factory=dict)


def write_report(
    results: pd.DataFrame,
    folder: PathLike,
    metric: str = "recall_at_1",
    estimator: str = "std",
    intervals: bool = True,
) -> WrittenReport:
    """Write table.{md,csv,tex,html} and figure.{png,svg} into the folder of a run.

    Where the conditions are there that a transfer share takes, also share.{md,csv,png}. With
    several settings, into ``tables/<setting>/`` each, with an index, ``tables.md``. The class values
    in the folder's cells, where there are any, give intervals, tests and shares. A format or figure
    that fails takes no other with it.

    Args:
        estimator: what ± is, a key of ESTIMATORS.
        intervals: show the interval of each value in the tables.
    """
    folder = as_path(folder, "folder")
    failed: dict[str, str] = {}
    summaries = tuple(summarise_all(results, metric, estimator, folder=folder))
    if not intervals:
        summaries = tuple(one.without_intervals() for one in summaries)
    if len(settings_of(results)) == 1:
        return WrittenReport(summaries, _write(summaries[0], folder, failed), failed)
    names = [_folder_name(summary.setting) for summary in summaries]
    if len(set(names)) < len(names):
        raise OodmlError(f"settings {', '.join(s.setting for s in summaries)}: names too alike")
    for summary, name in zip(summaries, names, strict=True):
        _write(summary, folder / "tables" / name, failed)
    write_text(folder / INDEX_FILE, index_page(summaries, [f"tables/{name}" for name in names]))
    return WrittenReport(summaries, {"tables": folder / INDEX_FILE}, failed)


def _write(summary: Summary, folder: Path, failed: dict[str, str]) -> dict[str, Path]:
    for name in list_table_formats():
        path = folder / f"table.{table_format(name).suffix}"
        _attempt(path, f"table format {name!r}", failed, partial(_table, summary, name))
    figure = cache(partial(draw_figure, summary))
    for suffix in _FIGURES:
        path = folder / f"figure.{suffix}"
        _attempt(path, path.name, failed, lambda to: save_figure(figure(), to))
    files = {
        "table": folder / "table.md",
        "page": folder / "table.html",
        "figure": folder / "figure.png",
    }
    files |= _write_share(summary, folder, failed)
    return {name: path for name, path in files.items() if str(path) not in failed}


def _write_share(summary: Summary, folder: Path, failed: dict[str, str]) -> dict[str, Path]:
    """The files of the transfer share; those of an earlier report go where there is none."""
    markdown, table, figure = (folder / f"share.{suffix}" for suffix in ("md", "csv", "png"))
    if not summary.shares.entries:
        for path in (markdown, table, figure):
            path.unlink(missing_ok=True)
        return {}
    for path, name in ((markdown, "markdown"), (table, "csv")):
        _attempt(path, path.name, failed, partial(_share, summary, name))
    _attempt(figure, figure.name, failed, lambda to: save_figure(draw_share(summary), to))
    return {"share": markdown}


def _table(summary: Summary, name: str, to: Path) -> None:
    text = render(summary, name)
    if not isinstance(text, str):
        raise OodmlError(f"table format {name!r} gave {type(text).__name__}, expected text")
    write_text(to, text)


def _share(summary: Summary, name: str, to: Path) -> None:
    write_text(to, render_share(summary, name))


def _attempt(path: Path, what: str, failed: dict[str, str], write: Callable[[Path], None]) -> None:
    """Write a file, or note why not: an older one must not stand in for it."""
    try:
        with named_failure("report", what):
            write(path)
    except OodmlError as error:
        failed[str(path)] = str(error)
        path.unlink(missing_ok=True)


def _folder_name(setting: str) -> str:
    """The setting's id as one folder: no separators, no leading dot."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", setting).lstrip(".") or "setting"
