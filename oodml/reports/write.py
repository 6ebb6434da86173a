"""All files of a report at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from oodml.core.errors import OodmlError
from oodml.core.figures import save_figure
from oodml.core.files import write_text
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
    """

    summaries: tuple[Summary, ...]
    files: dict[str, Path]


def write_report(
    results: pd.DataFrame,
    folder: Path,
    metric: str = "recall_at_1",
    estimator: str = "std",
    intervals: bool = True,
) -> WrittenReport:
    """Write table.{md,csv,tex,html} and figure.{png,svg} into the folder of a run.

    Where the conditions are there that a transfer share takes, also share.{md,csv,png}. With
    several settings, into ``tables/<setting>/`` each, with an index, ``tables.md``. The class values
    in the folder's cells, where there are any, give intervals, tests and shares.

    Args:
        estimator: what ± is, a key of ESTIMATORS.
        intervals: show the interval of each value in the tables.
    """
    summaries = tuple(summarise_all(results, metric, estimator, folder=folder))
    if not intervals:
        summaries = tuple(one.without_intervals() for one in summaries)
    if len(settings_of(results)) == 1:
        return WrittenReport(summaries, _write(summaries[0], folder))
    names = [_folder_name(summary.setting) for summary in summaries]
    if len(set(names)) < len(names):
        raise OodmlError(f"settings {', '.join(s.setting for s in summaries)}: names too alike")
    for summary, name in zip(summaries, names, strict=True):
        _write(summary, folder / "tables" / name)
    write_text(folder / INDEX_FILE, index_page(summaries, [f"tables/{name}" for name in names]))
    return WrittenReport(summaries, {"tables": folder / INDEX_FILE})


def _write(summary: Summary, folder: Path) -> dict[str, Path]:
    for name in list_table_formats():
        write_text(folder / f"table.{table_format(name).suffix}", render(summary, name))
    figure = draw_figure(summary)
    for suffix in _FIGURES:
        save_figure(figure, folder / f"figure.{suffix}")
    files = {
        "table": folder / "table.md",
        "page": folder / "table.html",
        "figure": folder / "figure.png",
    }
    return files | _write_share(summary, folder)


def _write_share(summary: Summary, folder: Path) -> dict[str, Path]:
    """The files of the transfer share; those of an earlier report go where there is none."""
    paths = [folder / f"share.{suffix}" for suffix in ("md", "csv", "png")]
    if not summary.shares.entries:
        for path in paths:
            path.unlink(missing_ok=True)
        return {}
    for path, name in zip(paths[:2], ("markdown", "csv"), strict=True):
        write_text(path, render_share(summary, name))
    save_figure(draw_share(summary), paths[2])
    return {"share": paths[0]}


def _folder_name(setting: str) -> str:
    """The setting's id as one folder: no separators, no leading dot."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", setting).lstrip(".") or "setting"
