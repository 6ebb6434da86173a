"""Means, spreads, order, and what must not share a table."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from report_data import changed, joined, results, with_conditions

from oodml.core.errors import OodmlError, UsageError
from oodml.reports import Row, caption, remarks, settings_of, summarise, summarise_all


def test_means_spreads_and_order() -> None:
    summary = summarise(results())
    assert summary.labels == ("frozen", "good", "a_bad"), "reference first, then the best"
    entry = summary.entry("good", 2)
    assert entry.mean == pytest.approx(0.52)
    assert entry.spread == pytest.approx(np.std([0.5, 0.54], ddof=1))
    assert summarise(results(), estimator="sem").entry("good", 2).spread == pytest.approx(0.02)
    t95 = summarise(results(), estimator="t95").entry("good", 2).spread
    assert t95 == pytest.approx(12.7062 * 0.02, rel=1e-4)
    assert np.isnan(summary.entry("frozen", 0).spread)
    assert summary.best(2) == {Row("good")}
    assert summary.entry("nobody", 2) is None


def test_the_caption_names_what_the_numbers_depend_on() -> None:
    text = caption(summarise(results()))
    for part in ("toy-ladder (abababababab)", "net.tag", "head", "fixed-steps", "oodml-0.1",
                 "sample standard deviation over seeds (n = 2)", "Bold: the highest mean"):  # fmt: skip
        assert part in text
    assert "Rows below" not in text
    assert "test side" not in text


def test_equal_means_are_both_best() -> None:
    table = results(value=0.5)
    assert summarise(table).best(0) == {Row("frozen"), Row("good"), Row("a_bad")}


@pytest.mark.parametrize(
    "column", ["dataset", "ladder_sha256", "backbone", "protocol", "shift_measure"]
)
def test_rows_that_do_not_compare_share_no_table(column: str) -> None:
    table = results()
    table.loc[3, column] = "other"
    with pytest.raises(OodmlError, match=rf"different {column}.*: .*, other|other, "):
        summarise(table)


def test_different_selection_rules_share_no_table() -> None:
    table = results()
    table.loc[table["method"] == "good", "selection"] = "best-val"
    with pytest.raises(OodmlError, match=r"different selection.*best-val, fixed-steps"):
        summarise(table)


def test_unfair_selection_shares_no_table_with_fair() -> None:
    table = results()
    good = table["method"] == "good"
    table.loc[good, ["selection", "selection_fair"]] = ["oracle", False]
    with pytest.raises(OodmlError, match=r"fairly \(fixed-steps\).*\(oracle\)"):
        summarise(table)
    # frozen selects nothing, so it may stand in either table
    alone = caption(summarise(table[good | (table["method"] == "frozen")]))
    assert "selection oracle (which looked at the test side)" in alone


def test_training_values_may_differ_between_methods_but_not_under_one_label() -> None:
    table = results()
    table.loc[table["method"] == "good", "training"] = '{"steps":9}'
    assert summarise(table).entry("good", 2).seeds == 2
    table.loc[(table["method"] == "good") & (table["seed"] == 1), "training"] = '{"steps":7}'
    with pytest.raises(OodmlError, match=r"good \(forward\): results with different training"):
        summarise(table)


def test_versions_of_a_method_are_not_averaged() -> None:
    table = results()
    table.loc[(table["method"] == "good") & (table["seed"] == 1), "method_version"] = "2"
    with pytest.raises(OodmlError, match="different method_version"):
        summarise(table)


def test_wrong_names_are_named() -> None:
    with pytest.raises(UsageError, match="they have: recall_at_1"):
        summarise(results(), "recall_at_3")
    with pytest.raises(UsageError, match="expected one of std, sem, t95"):
        summarise(results(), estimator="stdev")
    with pytest.raises(
        UsageError, match="setting 'toy' is not in the results; did you mean toy-id"
    ):
        summarise(results(), setting="toy")
    with pytest.raises(UsageError, match="did you mean reverse"):
        summarise(with_conditions(), conditions=["revers"])


def test_a_summary_is_of_one_setting() -> None:
    other = changed(results(), setting="other-id", dataset="toy-2", value=0.1)
    table = joined(results(), other)
    assert [one.id for one in settings_of(table)] == ["toy-id", "other-id"]
    assert [one.title for one in settings_of(table)][1].startswith("toy-2, ladder toy-ladder")
    with pytest.raises(UsageError, match=r"2 settings do not share a table.*toy-id, other-id"):
        summarise(table)
    assert summarise(table, setting="other-id").entry("good", 0).mean == pytest.approx(0.1)
    both = summarise_all(table)
    assert [one.setting for one in both] == ["toy-id", "other-id"]
    assert str(both[0].entries) == str(summarise(results()).entries)
    # a setting without the metric has no table
    other["metric"] = "map_at_r"
    assert [one.setting for one in summarise_all(joined(results(), other))] == ["toy-id"]


def test_tasks_are_not_mixed() -> None:
    few = changed(results(), task="few-shot", shots=5, value=0.9)
    table = joined(results(), few)
    assert summarise(table).entry("good", 0).mean == pytest.approx(0.71), "retrieval first"
    chosen = summarise(table, task="few-shot")
    assert chosen.entry("good", 0).mean == pytest.approx(0.9)
    assert "recall_at_1, few-shot 5 shots (%)" in caption(chosen)
    with pytest.raises(UsageError, match="task 'fewshot'"):
        summarise(table, task="fewshot")
    more = joined(few, changed(results(), task="few-shot", shots=1))
    with pytest.raises(UsageError, match=r"several numbers of shots; choose: \[1, 5\]"):
        summarise(more)
    assert summarise(more, shots=1).shots == 1
    with pytest.raises(UsageError, match="no 3 shots"):
        summarise(more, shots=3)
    with pytest.raises(UsageError, match="several tasks; choose: few-shot, probe"):
        summarise(joined(few, changed(results(), task="probe")))


def test_conditions_stand_below_and_win_nothing() -> None:
    summary = summarise(with_conditions())
    plain = summarise(results())
    assert summary.rows[:3] == plain.rows
    assert [summary.title(row) for row in summary.rows[3:]] == [
        "frozen · reverse",
        "frozen · ceiling",
        "good · reverse",
        "good · ceiling",
        "good · size-matched (3 draws)",
    ]
    for level in (0, 1, 2):
        assert summary.best(level) == plain.best(level), "the ceiling is higher, but compares only"
    assert set(summary.ags.entries) == set(plain.ags.entries)
    assert set(remarks(plain)) < set(remarks(summary))
    drawn = summary.entry(Row("good", "size-matched"), 0)
    assert (drawn.mean, drawn.seeds) == (pytest.approx(0.70), 6)
    assert summary.seed_counts == (2,)
    text = caption(summary)
    for part in ("Rows below the methods", "ceiling: trained on other images", "reverse: "):
        assert part in text


def test_conditions_can_be_chosen() -> None:
    table = with_conditions()
    assert summarise(table, conditions=["forward"]).rows == summarise(results()).rows
    only = summarise(table, conditions=["reverse"])
    assert only.methods == ()
    assert len(only.rows) == 2
    assert only.best(0) == frozenset()
    assert "Bold" not in caption(only)
    assert "AGS" not in caption(only)


def _metric(monkeypatch: pytest.MonkeyPatch, higher: bool | None, unit: str) -> None:
    known = SimpleNamespace(takes="embeddings", higher_is_better=higher, unit=unit)
    monkeypatch.setattr("oodml.reports.metric_info.get_metric", lambda name: known)


def test_lower_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    _metric(monkeypatch, False, "none")
    summary = summarise(results(metric="hubness"), "hubness")
    assert summary.labels == ("frozen", "a_bad", "good")
    assert summary.best(2) == {Row("a_bad")}
    assert summary.best("ags") == {Row("a_bad")}
    text = caption(summary)
    assert text.startswith("hubness (lower is better) on toy")
    assert "Bold: the lowest mean" in text
    said = " ".join(remarks(summary))
    assert (
        "Scores above frozen, where lower is better, untested: a_bad (level 0: +0.05); good "
        "(level 0: +0.21, level 1: +0.13, level 2: +0.07)." in said
    )
    assert "good +0.21 -> +0.07" in said


def test_a_metric_without_a_better_end_has_no_best(monkeypatch: pytest.MonkeyPatch) -> None:
    _metric(monkeypatch, None, "count")
    summary = summarise(results(metric="rank"), "rank")
    assert summary.best(0) == frozenset()
    assert "Neither end of this metric is better" in caption(summary)
    assert not any("below frozen" in text.lower() for text in remarks(summary))


def test_only_shares_are_per_cent(monkeypatch: pytest.MonkeyPatch) -> None:
    from oodml.reports import render

    assert "(%)" in render(summarise(results()), "markdown")
    _metric(monkeypatch, True, "length")
    table = results(metric="norm")
    table["value"] *= 1000
    text = render(summarise(table, "norm"), "markdown")
    assert "(%)" not in text
    assert "**520 ± 28**" in text
