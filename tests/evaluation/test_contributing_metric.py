"""The metric that CONTRIBUTING adds as an example is found and evaluated, by its file alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

CONTRIBUTING = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"

# In a process of its own, whose package has one folder more: a registry keeps what it is given.
SCRIPT = """
import doctest, importlib, json, sys
import numpy as np
import oodml.evaluation.metrics as package
package.__path__.append(sys.argv[1])
from oodml.evaluation import evaluate, get_metric, list_metrics
name = sys.argv[2]
labels = np.arange(60) % 6
rows = np.random.default_rng(0).normal(size=(6, 4))[labels] + np.arange(240).reshape(60, 4) % 7
report = evaluate(rows, labels, [name])
ranks = report.ranks
module = importlib.import_module(f"oodml.evaluation.metrics.{name}")
print(json.dumps({
    "listed": name in list_metrics(),
    "unit": get_metric(name).unit,
    "value": report.metrics[name],
    "expected": np.mean([len(ranks.of(q)) / ranks.of(q)[-1] for q in range(60)]),
    "interval": report.intervals(resamples=200)[name].low,
    "examples": list(doctest.testmod(module))[:2],
}))
"""


def test_the_example_of_contributing(tmp_path):
    section = CONTRIBUTING.read_text(encoding="utf-8").split("\n## Add a metric\n")[1]
    code = re.search(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[1]
    assert len(code.splitlines()) < 25
    name = re.search(r'@register_metric\(\s*"(\w+)"', code)[1]
    (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), name], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["listed"]
    assert found["unit"] == "share"
    assert abs(found["value"] - found["expected"]) < 1e-12
    assert 0 < found["interval"] < found["value"]
    assert found["examples"] == [0, 2]
