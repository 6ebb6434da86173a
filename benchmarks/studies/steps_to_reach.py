"""How soon a method reaches the best validation score of another, and how its norms spread.

    oodml run sec-cub200 --out runs/sec-cub200 --log-every 20
    python benchmarks/studies/steps_to_reach.py runs/sec-cub200

Reads the logs of a benchmark whose methods are selected by validation scores. For every base method
and its ``l2-`` and ``sec-`` forms: the best score, the first step that reaches the base's best with
the same level and seed (of how many runs it does), and the variance of norms over their squared
mean in the last logged batch, with the mean and range over runs. Step 0 is the start itself.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from oodml.runs.plan.plan_file import read_plan

SCORE = "score/validation"


def curves(folder: Path) -> dict[str, dict[tuple[int, int], pd.DataFrame]]:
    """method -> (level, seed) -> its log."""
    found: dict[str, dict[tuple[int, int], pd.DataFrame]] = defaultdict(dict)
    for cell in read_plan(folder).cells:
        path = folder / "logs" / f"{cell.run_id}.csv"
        if path.is_file():
            log = pd.read_csv(path)
            if SCORE in log:
                found[cell.method][cell.level, cell.seed] = log
    return found


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.4g} [{min(values):.4g}, {max(values):.4g}]" if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    found = curves(given.folder)
    bases = [name for name in found if not name.startswith(("sec-", "l2-"))]
    print(
        f"{'method':24} {'best MAP@R, validation':32} {'reaches the base at':26} {'norm variance / mean^2'}"
    )
    for base in bases:
        for name in (base, f"l2-{base}", f"sec-{base}"):
            if name not in found:
                continue
            best, reached, norms, runs = [], [], [], 0
            for key, log in found[name].items():
                scores = log.dropna(subset=[SCORE])
                target = found[base][key][SCORE].max()
                best.append(100 * scores[SCORE].max())
                runs += 1
                there = scores[scores[SCORE] >= target]
                if len(there):
                    reached.append(float(there["step"].iloc[0]))
                last = log.dropna(subset=["norm_variance"]).iloc[-1]
                norms.append(last["norm_variance"] / last["norm_mean"] ** 2)
            when = f"{spread(reached)}, {len(reached)} of {runs}"
            print(f"{name:24} {spread(best):32} {when:26} {spread(norms)}")


if __name__ == "__main__":
    main()
