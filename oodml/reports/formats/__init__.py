"""Table formats, one a file: a function from summaries to the text of one document."""

from __future__ import annotations

from oodml.reports.formats.registry import (
    TableFormat,
    list_table_formats,
    register_table_format,
    render,
    table_format,
)

__all__ = [
    "TableFormat",
    "list_table_formats",
    "register_table_format",
    "render",
    "table_format",
]
