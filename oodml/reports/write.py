"""All files of a report at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from oodml.core.files import write_text
from oodml.reports.figure import draw_figure, save_figure
from oodml.reports.formats import render
from oodml.reports.summary import Summary, summarise

_FILES = {"markdown": "table.md", "csv": "table.csv", "latex": "table.tex", "html": "table.html"}


def write_report(
    results: pd.DataFrame, folder: Path, metric: str = "recall_at_1", estimator: str = "std"
) -> Summary:
    """Write table.{md,csv,tex,html} and figure.{png,svg} into ``folder``; returns the summary."""
    summary = summarise(results, metric, estimator)
    for format, name in _FILES.items():
        write_text(folder / name, render(summary, format))
    figure = draw_figure(summary)
    for suffix in ("png", "svg"):
        save_figure(figure, folder / f"figure.{suffix}")
    return summary
