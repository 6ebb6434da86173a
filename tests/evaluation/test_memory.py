"""The memory budget is kept: measured on a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("resource")  # not on Windows

SCRIPT = """
import resource, sys
import numpy as np
from oodml.evaluation import positive_ranks
from oodml.evaluation.ranks.engines import compiled
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


ONE_CLASS = """
import tracemalloc
import numpy as np
from oodml.evaluation import positive_ranks
random = np.random.default_rng(0)
rows = random.standard_normal((40_000, 256), dtype=np.float32)
asked = rows[:2] + 1
positive_ranks(asked[:, :8], [0, 0], gallery_embeddings=rows[:50, :8], gallery_labels=[0] * 50)
labels = np.zeros(40_000, np.int64)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
positive_ranks(
    asked, labels[:2], gallery_embeddings=rows, gallery_labels=labels, memory_mib=4
)
print((tracemalloc.get_traced_memory()[1] - before) / 2**20)
"""


def test_one_large_class():
    run = subprocess.run(
        [sys.executable, "-c", ONE_CLASS], capture_output=True, text=True, check=True
    )
    # Its rows in float64 would be 78 MiB. Besides the 4 MiB: a copy of the rows (39 MiB), the
    # result (80,000 pairs, 11 MiB) and gallery positions and labels.
    assert float(run.stdout) < 4 + 39 + 11 + 8
