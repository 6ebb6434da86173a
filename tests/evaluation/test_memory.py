"""The memory budget is kept: measured on a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("resource")  # not on Windows

SCRIPT = """
import resource, sys
import numpy as np
from oodml.evaluation import compiled, positive_ranks
if sys.argv[1] == "torch":
    compiled.compiled_loops_available = lambda: False
random = np.random.default_rng(0)
labels = np.arange(12_000) // 5
rows = random.standard_normal((12_000, 32), dtype=np.float32)
rows += 3 * random.standard_normal((2400, 32), dtype=np.float32)[labels]
positive_ranks(rows[:500], labels[:500], memory_mib=32)  # libraries, compiled code, thread stacks
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
positive_ranks(rows, labels, memory_mib=32)
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(used / (1024 * 1024 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_budget(engine):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, engine], capture_output=True, text=True, check=True
    )
    # 12,000 x 12,000 similarities would be 549 MiB. Besides the 32 MiB: a copy of the rows (2 MiB),
    # the result (48,000 pairs, 4 MiB) and what the allocator keeps.
    assert float(run.stdout) < 32 + 24
