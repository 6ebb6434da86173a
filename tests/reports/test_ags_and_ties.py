"""AGS with its intervals, and the marks of what is not told from the best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_data import LEVELS, changed, joined, results, run_folder

from oodml.core.errors import IntegrityError
from oodml.evaluation import ClassSums
from oodml.evaluation.uncertainty import ags, permutation_test
from oodml.reports import Row, caption, render, summarise
from oodml.reports.class_values import along_ladder, read_class_values


def test_ags_is_the_area_with_an_interval_over_seeds() -> None:
    summary = summarise(results())
    # trapezoids over 10, 20, 40 rescaled: weights 1/6, 1/2, 1/3
    expected = {s: np.dot([1 / 6, 1 / 2, 1 / 3], v) for s, v in
                {0: [0.70, 0.60, 0.50], 1: [0.72, 0.62, 0.54]}.items()}  # fmt: skip
    good = summary.ags.entries[Row("good")]
    assert good.value == pytest.approx(np.mean(list(expected.values())))
    half = 12.7062 * np.std(list(expected.values()), ddof=1) / 2**0.5
    assert (good.high - good.low) / 2 == pytest.approx(half, rel=1e-4)
    assert np.isnan(summary.ags.entries[Row("frozen")].low), "one seed"
    assert summary.ags.interval == "seeds"
    assert "in brackets the 95 % interval (t over 2 seeds)" in caption(summary)


def test_one_seed_has_no_interval_and_says_so() -> None:
    table = results()
    summary = summarise(table[table["seed"] == 0])
    assert summary.ags.interval == "none"
    assert "no interval" in caption(summary)
    assert "[" not in render(summary, "markdown").split("toy-ladder")[0]


def test_ags_is_missing_where_a_level_is_missing() -> None:
    table = results()
    table = table[~((table["label"] == "good") & (table["level"] == 1))]
    summary = summarise(table)
    assert set(summary.ags.entries) == {Row("frozen"), Row("a_bad")}
    assert "| good | **71.00 ± 1.41** | – | **52.00 ± 2.83** | – |" in render(summary, "markdown")
    assert summary.labels[-1] == "good", "no mean over levels, so it stands last"


def test_seeds_that_differ_between_levels_give_no_interval() -> None:
    table = results()
    lost = (table["label"] == "good") & (table["level"] == 1) & (table["seed"] == 1)
    good = summarise(table[~lost]).ags.entries[Row("good")]
    assert good.value == pytest.approx(ags(list(LEVELS.values()), [0.71, 0.60, 0.52]))
    assert np.isnan(good.low)


def test_one_level_has_no_ags_column() -> None:
    table = results()
    text = render(summarise(table[table["level"] == 1]), "markdown")
    assert text.splitlines()[0] == "| method | level 1 |"
    assert "AGS" not in text


def test_marks_stand_where_the_test_does_not_tell(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    summary = summarise(table, folder=tmp_path)
    for column in (0, 1, 2, "ags"):
        (best,) = summary.best(column)
        assert {best.label, *(row.label for row in summary.tied(column))} == {"best", "twin"}
    assert summary.ags.interval == "classes"
    text = caption(summary)
    assert (
        "†: not told from the highest mean of the column, at 5 %, by a paired permutation" in text
    )
    assert "trainings as given" in text
    assert "Holm" in text
    assert "percentile bootstrap over 30 classes and 2 seeds" in text
    value = summary.ags.entries[Row("best")]
    assert value.low < value.value < value.high
    assert render(summary, "markdown").count("†") == 4 + 1
    assert render(summary, "latex").count(r"$^\dagger$") == 4 + 1
    assert "Bold: the highest mean of a column and what is not told from it." in text
    assert render(summary, "html").count("<strong>") == 8, "the best and what is not told from it"
    assert render(summary, "html").count("<sup>†</sup>") == 4
    assert render(summary, "csv").count(",yes,no,") + render(summary, "csv").count(",no,yes,") > 0


def test_without_class_values_there_are_no_marks(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    for summary in (summarise(table), summarise(table, folder=tmp_path / "elsewhere")):
        assert not summary.separation.tied
        assert "not tested: no values by class" in caption(summary)
        assert summary.ags.interval == "seeds"
        for format in ("markdown", "latex", "html"):
            text = render(summary, format)
            assert "†" not in text
            assert "dagger" not in text


def test_one_method_alone_is_not_tested(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    summary = summarise(table[table["label"] == "best"], folder=tmp_path)
    assert summary.tied(0) == frozenset()
    assert "permutation" not in caption(summary)
    assert summary.ags.interval == "classes"


def test_equally_good_methods_are_marked_and_not_told_apart(tmp_path: Path) -> None:
    """The correction is for all pairs: of ten alike, the best of them tells from hardly any."""
    from oodml.reports.class_values import told_from_best

    random = np.random.default_rng(1)
    names = tuple(map(str, range(40)))
    false = 0
    for _ in range(20):
        methods = {
            Row(str(i)): ClassSums(random.normal(0, 1, (1, 40)), np.ones(40), names)
            for i in range(5)
        }
        false += bool(told_from_best(methods, 0.05, higher_is_better=True))
    assert false <= 3


def test_a_level_is_tested_only_with_all_its_methods(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    (tmp_path / "cells" / "bad-1-0" / "classes.parquet").unlink()
    summary = summarise(table, folder=tmp_path)
    assert set(summary.separation.tied) == {0, 2}
    assert "(not tested: level 1, AGS)" in caption(summary)
    assert summary.ags.interval == "seeds", "one kind for the whole column"


def test_values_of_other_queries_are_not_compared(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    for seed in (0, 1):
        path = tmp_path / "cells" / f"bad-1-{seed}" / "classes.parquet"
        frame = pd.read_parquet(path)
        frame["class"] = "other " + frame["class"]
        frame.to_parquet(path)
    assert set(summarise(table, folder=tmp_path).separation.tied) == {0, 2}


def test_another_task_has_no_class_values(tmp_path: Path) -> None:
    """The files hold retrieval; the same metric after adaptation is another number."""
    table = changed(run_folder(tmp_path), task="few-shot", shots=5)
    assert "not tested" in caption(summarise(table, folder=tmp_path))


def test_class_values_of_another_run_are_refused(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    table.loc[0, "value"] += 0.01
    with pytest.raises(IntegrityError, match=r"frozen-0-0: its sums by class give recall_at_1 = "):
        summarise(table, folder=tmp_path)
    (tmp_path / "cells" / table.loc[0, "run_id"] / "classes.parquet").write_bytes(b"no parquet")
    with pytest.raises(IntegrityError, match="not a readable Parquet"):
        summarise(table, folder=tmp_path)


def test_conditions_are_not_compared(tmp_path: Path) -> None:
    table = run_folder(tmp_path)
    bad = table[table["label"] == "bad"]
    higher = changed(bad, condition="ceiling", value=0.99, run_id=bad["run_id"] + "-ceiling")
    plain = summarise(table, folder=tmp_path)
    summary = summarise(joined(table, higher), folder=tmp_path)
    assert summary.separation == plain.separation
    assert summary.ags == plain.ags


def test_class_sums_give_the_statistic_of_the_queries(tmp_path: Path) -> None:
    """p-values by class sums equal those by query values; AGS parts add up to AGS."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(12), np.arange(12) % 3 + 2)
    queries = {one: random.random(len(labels)) for one in ("a", "b")}
    counts = np.bincount(labels).astype(float)
    found = {}
    for name, values in queries.items():
        folder = tmp_path / "cells" / name
        folder.mkdir(parents=True)
        sums = np.bincount(labels, weights=values)
        frame = pd.DataFrame({"class": [f"{i:02}" for i in range(12)], "count": counts, "m": sums})
        frame.to_parquet(folder / "classes.parquet")
        cells = pd.DataFrame({"run_id": [name], "value": [values.mean()]})
        found[name] = read_class_values(tmp_path, cells, "m")
        assert read_class_values(tmp_path, cells, "other") is None
    expected = permutation_test(queries["a"], queries["b"], labels).p_value
    sums = [found[name].sums[0] for name in ("a", "b")]
    assert permutation_test(*sums, np.arange(12)).p_value == pytest.approx(expected)
    parts = along_ladder([1.0, 3.0], [found["a"], found["b"]])
    means = [queries[name].mean() for name in ("a", "b")]
    assert parts.sums.sum() == pytest.approx(ags([1.0, 3.0], means))
