"""Settings of methods chosen on validation classes; no test item is opened.

Every method of a spec is trained on the train classes of each level, once for each of its points,
and scored on the val classes (condition ``validation``). Points are those of a grid, or are drawn
from declared ranges. The point with the best mean over settings, levels and seeds is chosen; of equal
ones the first.
"""

from oodml.runs.search.choice import METRIC, Choice
from oodml.runs.search.found_preset import preset_text, write_preset
from oodml.runs.search.grid import DEFAULT_GRID, search
from oodml.runs.search.lines import as_toml
from oodml.runs.search.narrow import narrowed
from oodml.runs.search.ranges import Range
from oodml.runs.search.run_points import SearchIncomplete
from oodml.runs.search.trials import SAMPLERS, search_ranges

__all__ = [
    "DEFAULT_GRID",
    "METRIC",
    "SAMPLERS",
    "Choice",
    "Range",
    "SearchIncomplete",
    "as_toml",
    "narrowed",
    "preset_text",
    "search",
    "search_ranges",
    "write_preset",
]
