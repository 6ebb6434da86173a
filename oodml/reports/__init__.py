"""The results table -> tables people read and figures people look at. All are queries on it."""

from oodml.core.figures import save_figure
from oodml.reports.caption import caption
from oodml.reports.figure import draw_figure
from oodml.reports.formats import list_table_formats, register_table_format, render
from oodml.reports.remarks import remarks
from oodml.reports.settings import Setting, settings_of
from oodml.reports.share_figure import draw_share
from oodml.reports.share_table import SHARE_FORMATS, render_share, with_shares
from oodml.reports.spreads import ESTIMATORS
from oodml.reports.summarise import summarise, summarise_all
from oodml.reports.summary import Row, Summary
from oodml.reports.write import WrittenReport, write_report

__all__ = [
    "ESTIMATORS",
    "SHARE_FORMATS",
    "Row",
    "Setting",
    "Summary",
    "WrittenReport",
    "caption",
    "draw_figure",
    "draw_share",
    "list_table_formats",
    "register_table_format",
    "remarks",
    "render",
    "render_share",
    "save_figure",
    "settings_of",
    "summarise",
    "summarise_all",
    "with_shares",
    "write_report",
]
