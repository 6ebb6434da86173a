"""Differences of two methods of a benchmark, level by level, with intervals over the test classes.

    python benchmarks/studies/paired_methods.py runs/sec-cub200 --metric map_at_r triplet:sec-triplet

Both methods score the same queries; test classes and seeds are resampled together (95 % intervals,
uncorrected).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from oodml.reports.class_values import difference_of, read_class_values
from oodml.runs import read_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", nargs="+", metavar="METHOD:OTHER", help="other - method")
    parser.add_argument("--metric", default="map_at_r")
    given = parser.parse_args()
    results = read_results(given.folder / "results.parquet")
    rows = results[(results["metric"] == given.metric) & (results["condition"] == "forward")]
    for pair in given.pairs:
        names = pair.split(":")
        for level in sorted(set(rows["level"])):
            values = [
                read_class_values(
                    given.folder,
                    rows[(rows["method"] == name) & (rows["level"] == level)],
                    given.metric,
                )
                for name in names
            ]
            assert values[0] is not None, f"no values of {names[0]}"
            assert values[1] is not None, f"no values of {names[1]}"
            found = difference_of(values[1], values[0])
            print(
                f"{names[1]} - {names[0]}, level {level}: {100 * found.value:+.2f} "
                f"[{100 * found.low:+.2f}, {100 * found.high:+.2f}] {given.metric}"
            )


if __name__ == "__main__":
    main()
