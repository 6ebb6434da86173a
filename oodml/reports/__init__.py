"""The results table -> tables people read and figures people look at. All are queries on it."""

from oodml.reports.figure import draw_figure, save_figure
from oodml.reports.formats import FORMATS, render
from oodml.reports.remarks import remarks
from oodml.reports.summary import ESTIMATORS, Summary, summarise
from oodml.reports.write import write_report

__all__ = [
    "ESTIMATORS",
    "FORMATS",
    "Summary",
    "draw_figure",
    "remarks",
    "render",
    "save_figure",
    "summarise",
    "write_report",
]
