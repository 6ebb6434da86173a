"""A metric or classifier of others that goes wrong is named, and takes no other with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oodml.core.errors import DataError, OodmlError
from oodml.evaluation import (
    episode_accuracy,
    evaluate,
    register_classifier,
    register_embedding_metric,
    register_metric,
    report_from_ranks,
)
from oodml.evaluation.classifiers import registry as classifiers
from oodml.evaluation.metrics import registry

ROWS = np.random.default_rng(0).normal(size=(24, 5))
LABELS = np.repeat(np.arange(6), 4)

WRONG = {
    "list of lists": (lambda given: [[1.0], [1.0, 2.0]], "gave list, expected numbers"),
    "text": (lambda given: "good", "gave str, expected numbers"),
    "nothing": (lambda given: None, "gave NoneType"),
    "nan": (lambda given: np.full(24, np.nan), "gave nan, expected finite"),
    "infinite": (lambda given: [np.inf] * 24, "gave inf, expected finite"),
    "too few": (lambda given: np.zeros(3), r"shape \(3,\)"),
    "complex": (lambda given: np.zeros(24, complex), "expected numbers"),
    "raises": (lambda given: {}["x"], "failed with KeyError: 'x'"),
    "raises in silence": (lambda given: next(iter([])), "failed with StopIteration"),
    "refuses": (
        lambda given: (_ for _ in ()).throw(DataError("mine: not here")),
        "^mine: not here$",
    ),
}


@pytest.fixture(autouse=True)
def own_registries(monkeypatch):
    for one in (registry._metrics, classifiers._classifiers):
        one.names()
        monkeypatch.setattr(one, "_entries", dict(one._entries))


@pytest.mark.parametrize("register", [register_metric, register_embedding_metric])
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_metric_is_named(case, register):
    function, text = WRONG[case]
    register("wrong", formula="x", source="x")(function)
    with pytest.raises(OodmlError, match=text):
        evaluate(ROWS, LABELS, ["map", "wrong"])
    report = evaluate(ROWS, LABELS, ["map", "wrong", "alignment"], keep_going=True)
    right = evaluate(ROWS, LABELS, ["map", "alignment"])
    assert report.metrics == right.metrics
    assert list(report.failed) == ["wrong"]
    assert case == "refuses" or "'wrong'" in report.failed["wrong"]
    assert report.intervals(resamples=100) == right.intervals(resamples=100)
    with pytest.raises(OodmlError, match=text):
        evaluate(ROWS, LABELS, ["wrong"], keep_going=True)


def test_what_is_numbers_is_taken():
    register_metric("whole", formula="x", source="x")(lambda ranks: [1] * len(ranks))
    register_metric("yes", formula="x", source="x")(lambda ranks: ranks.positives > 0)
    register_metric("tensor", formula="x", source="x")(
        lambda ranks: torch.ones(len(ranks), requires_grad=True)
    )
    register_embedding_metric("one", formula="x", source="x")(lambda rows: torch.tensor(1.0))
    report = evaluate(ROWS, LABELS, ["whole", "yes", "tensor", "one"])
    assert set(report.metrics.values()) == {1.0}
    assert report_from_ranks(report.ranks, ["whole"]).per_query("whole").dtype == np.float64


CLASSIFIERS = {
    "raises": (lambda rows, codes: 1 / 0, "classifier 'wrong' failed with ZeroDivisionError"),
    "no predictor": (lambda rows, codes: None, "classifier 'wrong' failed with AttributeError"),
    "one answer": (
        lambda rows, codes: type("P", (), {"width": 1, "__call__": lambda self, x: 3})(),
        "classifier 'wrong': a prediction of shape",
    ),
}


@pytest.mark.parametrize("case", CLASSIFIERS)
def test_a_wrong_classifier_is_named(case):
    function, text = CLASSIFIERS[case]
    register_classifier("wrong")(function)
    with pytest.raises(OodmlError, match=text):
        episode_accuracy(ROWS, LABELS, [[0, 4, 8]], classifier="wrong")
