"""A benchmark spec -> a grid of cells, pulled by workers, resumable; one tidy table of results."""

from oodml.runs.benchmark import CellsFailed, run
from oodml.runs.embedder import CellEmbedder, load_embedder
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.grid import grid
from oodml.runs.plan.spec import BenchmarkSpec, load_spec, parse_spec
from oodml.runs.results import RESULTS_FILE, class_sums, read_results
from oodml.runs.workbench import Workbench

__all__ = [
    "RESULTS_FILE",
    "BenchmarkSpec",
    "Cell",
    "CellEmbedder",
    "CellsFailed",
    "Workbench",
    "class_sums",
    "grid",
    "load_embedder",
    "load_spec",
    "parse_spec",
    "read_results",
    "run",
]
