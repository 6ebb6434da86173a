"""A benchmark spec -> a grid of cells, executed, resumable; one tidy table of results."""

from oodml.runs.benchmark import Benchmark, run
from oodml.runs.cells import Cell
from oodml.runs.spec import BenchmarkSpec, load_spec
from oodml.runs.store import RESULTS_FILE, read_results

__all__ = [
    "RESULTS_FILE",
    "Benchmark",
    "BenchmarkSpec",
    "Cell",
    "load_spec",
    "read_results",
    "run",
]
