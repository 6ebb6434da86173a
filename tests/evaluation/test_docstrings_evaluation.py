"""Every metric shows how it is used. All examples are run by ``tests/test_docstrings.py``."""

from __future__ import annotations

import doctest

from oodml.evaluation.metrics import describe_metrics


def test_every_metric_has_an_example():
    finder = doctest.DocTestFinder()
    for one in describe_metrics():
        assert finder.find(one.function, one.name)[0].examples, one.name
