"""Examples in docstrings of the whole room run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import oodml.evaluation

MODULES = ["oodml.evaluation"] + [
    found.name for found in pkgutil.walk_packages(oodml.evaluation.__path__, "oodml.evaluation.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_every_metric_has_an_example():
    from oodml.evaluation.metrics import describe_metrics

    finder = doctest.DocTestFinder()
    for one in describe_metrics():
        assert finder.find(one.function, one.name)[0].examples, one.name
