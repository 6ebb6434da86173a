"""Tidy results: a row a (cell, metric), its table, and tables of earlier schemas."""

from oodml.runs.results.classes_file import class_sums
from oodml.runs.results.row import COLUMNS, SCHEMA_VERSION
from oodml.runs.results.table import RESULTS_FILE, collect, read_results

__all__ = [
    "COLUMNS",
    "RESULTS_FILE",
    "SCHEMA_VERSION",
    "class_sums",
    "collect",
    "read_results",
]
