"""A k-shot table names what decides in each row."""

from __future__ import annotations

import pytest
from report_data import changed, joined, results

from oodml.core.errors import UsageError
from oodml.reports import summarise


def k_shot(way: str, add: float = 0.0) -> object:
    table = results()
    return changed(
        table, metric=f"accuracy_5_shot{way}", task="k-shot", shots=5, value=table["value"] + add
    )


def test_every_classifier_has_rows_of_its_own() -> None:
    table = joined(k_shot("_nearest"), k_shot("_unit_prototype", 0.1))
    summary = summarise(table, "accuracy_5_shot")
    assert set(summary.labels) == {
        f"{label} + {way}"
        for label in ("frozen", "good", "a_bad")
        for way in ("nearest", "unit prototype")
    }
    assert summary.entry("frozen + unit prototype", 0).mean == pytest.approx(0.6)
    assert summary.entry("frozen + nearest", 0).mean == pytest.approx(0.5)
    assert summarise(table, "accuracy_5_shot_nearest").labels == summarise(results()).labels


def test_a_plain_metric_is_left_as_it_is() -> None:
    table = joined(k_shot(""), k_shot("_nearest"))
    assert set(summarise(table, "accuracy_5_shot").labels) == {"frozen", "good", "a_bad"}


def test_other_metrics_are_not_gathered() -> None:
    with pytest.raises(UsageError, match="'recall_at' is not in the results"):
        summarise(results(), "recall_at")
