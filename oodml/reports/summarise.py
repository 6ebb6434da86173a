"""The results table -> one Summary a setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.evaluation import ClassSums
from oodml.reports.against_frozen import compare_with_frozen
from oodml.reports.ags_column import ags_column
from oodml.reports.class_values import read_class_values
from oodml.reports.comparable import shared_values
from oodml.reports.conditions import in_order
from oodml.reports.deciders import by_decider
from oodml.reports.intervals import intervals_of
from oodml.reports.metric_info import MetricInfo, metric_info
from oodml.reports.separation import separate
from oodml.reports.settings import one_setting, settings_of
from oodml.reports.shares import shares_of
from oodml.reports.spreads import Spread, spread_of
from oodml.reports.summary import Entry, LevelColumn, Row, Summary

RETRIEVAL = "retrieval"


def summarise(
    results: pd.DataFrame,
    metric: str = "recall_at_1",
    estimator: str = "std",
    *,
    setting: str | None = None,
    conditions: Sequence[str] | None = None,
    task: str | None = None,
    shots: int | None = None,
    folder: Path | None = None,
) -> Summary:
    """Summarise one metric of one setting.

    Args:
        estimator: what ± is, a key of ESTIMATORS.
        setting: its id; may be left out where there is only one.
        conditions: the conditions to show; all of them by default.
        task, shots: for metrics of several tasks, or of several numbers of shots. Without a task,
            retrieval where the metric has it.
        folder: of the run, for the class values that lie in its cells: intervals over classes, the
            marks of what is not told from the best, tests against frozen and transfer shares.

    Raises:
        UsageError: a metric, setting, condition or task that is not there, or an unknown estimator.
        OodmlError: rows that must not share a table: different protocols, ladders, shift measures,
            selection rules, or one label for different trainings.
    """
    spread = spread_of(estimator)
    rows = _of_metric(results, metric)
    chosen = one_setting(rows, setting)
    rows = rows[rows["setting"] == chosen]
    rows = _of_conditions(rows, conditions)
    rows = _of_task(rows, metric, task, shots)
    context = shared_values(rows)
    info = metric_info(metric)
    levels = _levels(rows)
    entries, values, draws = _entries(rows, spread)
    by_class = _class_values(rows, metric, folder)
    ags = ags_column(values, levels, by_class)
    reference = frozenset(rows.loc[~rows["trains"].astype(bool), "label"])
    found_shots = rows["shots"].dropna()
    return Summary(
        setting=chosen,
        metric=info,
        task=str(rows["task"].iloc[0]),
        shots=int(found_shots.iloc[0]) if len(found_shots) else None,
        levels=levels,
        rows=_ordered(entries, reference, len(levels), info),
        reference=reference,
        entries=entries,
        draws=draws,
        ags=ags,
        separation=separate(info, levels, entries, ags, by_class),
        intervals=intervals_of(rows, by_class),
        against_frozen=compare_with_frozen(info, entries, by_class, reference),
        shares=shares_of(info, entries, by_class, reference),
        estimator=estimator,
        context=context,
    )


def summarise_all(
    results: pd.DataFrame,
    metric: str = "recall_at_1",
    estimator: str = "std",
    *,
    setting: str | None = None,
    conditions: Sequence[str] | None = None,
    task: str | None = None,
    shots: int | None = None,
    folder: Path | None = None,
) -> list[Summary]:
    """A Summary of every setting that has the metric, or only of ``setting``; see `summarise`."""
    rows = _of_metric(results, metric)
    if setting is None and conditions is not None:
        # a setting without these conditions has nothing to show; one of them must have some
        rows = _of_conditions(rows, conditions)
    chosen = [setting] if setting is not None else [one.id for one in settings_of(rows)]
    return [
        summarise(
            rows,
            metric,
            estimator,
            setting=one,
            conditions=conditions,
            task=task,
            shots=shots,
            folder=folder,
        )
        for one in chosen
    ]


def _of_metric(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = by_decider(results, metric)
    found = rows[rows["metric"] == metric]
    if found.empty:
        known = ", ".join(sorted(rows["metric"].unique()))
        raise UsageError(f"metric {metric!r} is not in the results (they have: {known})")
    return found


def _of_conditions(rows: pd.DataFrame, conditions: Sequence[str] | None) -> pd.DataFrame:
    if conditions is None:
        return rows
    known = in_order(rows["condition"])
    for one in conditions:
        if one not in known:
            raise UsageError(f"condition {one!r} is not in the results; {name_hint(one, known)}")
    return rows[rows["condition"].isin(list(conditions))]


def _of_task(rows: pd.DataFrame, metric: str, task: str | None, shots: int | None) -> pd.DataFrame:
    tasks = sorted(rows["task"].unique())
    if task is None:
        if RETRIEVAL not in tasks and len(tasks) > 1:
            raise UsageError(f"{metric} is a metric of several tasks; choose: {', '.join(tasks)}")
        task = RETRIEVAL if RETRIEVAL in tasks else tasks[0]
    elif task not in tasks:
        raise UsageError(f"task {task!r} has no {metric}; {name_hint(task, tasks)}")
    rows = rows[rows["task"] == task]
    counts = sorted({int(one) for one in rows["shots"].dropna()})
    if shots is None and len(counts) > 1:
        raise UsageError(f"{metric} has several numbers of shots; choose: {counts}")
    if shots is not None:
        if shots not in counts:
            raise UsageError(f"{metric} of the task {task}: no {shots} shots (there are: {counts})")
        rows = rows[rows["shots"] == shots]
    return rows


def _levels(rows: pd.DataFrame) -> tuple[LevelColumn, ...]:
    """The levels by number; a level's shift and test side are the forward condition's."""
    place = {condition: index for index, condition in enumerate(in_order(rows["condition"]))}
    columns = rows.assign(_place=rows["condition"].map(place)).sort_values(["level", "_place"])
    return tuple(
        LevelColumn(int(r.level), float(r.shift), int(r.test_classes), int(r.test_images))
        for r in columns.drop_duplicates("level").itertuples()
    )


def _entries(
    rows: pd.DataFrame, spread: Spread
) -> tuple[dict[tuple[Row, int], Entry], dict[Row, pd.DataFrame], dict[Row, int]]:
    """By row and level the entry; by row its values, [seed and draw, level], and its draws."""
    entries, values, draws = {}, {}, {}
    for (label, condition), group in rows.groupby(["label", "condition"], sort=False):
        row = Row(str(label), str(condition))
        for level, at in group.groupby("level"):
            found = at["value"].to_numpy(np.float64)
            wide = spread(found) if len(found) > 1 else float("nan")
            entries[row, int(level)] = Entry(float(found.mean()), wide, len(found))
        # a missing draw is written as -1: pandas leaves rows without a key out of a pivot
        keyed = group.assign(draw=group["draw"].fillna(-1))
        values[row] = keyed.pivot_table(index=["draw", "seed"], columns="level", values="value")
        if count := int(group["draw"].nunique()):
            draws[row] = count
    return entries, values, draws


def _class_values(
    rows: pd.DataFrame, metric: str, folder: Path | None
) -> dict[tuple[Row, int], ClassSums]:
    """Class values of all rows, as far as they are stored."""
    found: dict[tuple[Row, int], ClassSums] = {}
    if folder is None or not (folder / "cells").is_dir():
        return found
    # only retrieval is stored by class; the same metric of another task is another number
    rows = rows[rows["task"] == RETRIEVAL].sort_values("seed", kind="stable")
    for (label, condition, level), cells in rows.groupby(["label", "condition", "level"]):
        row = Row(str(label), str(condition))
        if (one := read_class_values(folder, cells, metric)) is not None:
            found[row, int(level)] = one
    return found


def _ordered(
    entries: dict[tuple[Row, int], Entry],
    reference: frozenset[str],
    levels: int,
    info: MetricInfo,
) -> tuple[Row, ...]:
    """Methods: references first, then the best; after them the other conditions of each."""
    means: dict[Row, list[float]] = {}
    for (row, _), entry in entries.items():
        means.setdefault(row, []).append(entry.mean)
    sign = 1.0 if info.higher_is_better is False else -1.0

    def rank(label: str) -> tuple[bool, float, str]:
        found = means.get(Row(label), [])
        # means over different levels do not compare: where one is missing, the row stands last
        mean = sign * float(np.mean(found)) if len(found) == levels else np.inf
        return label not in reference, np.inf if np.isnan(mean) else mean, label

    labels = sorted({row.label for row in means}, key=rank)
    conditions = in_order(row.condition for row in means)
    methods = [Row(label) for label in labels if Row(label) in means]
    return (
        *methods,
        *(
            row
            for label in labels
            for condition in conditions
            if not (row := Row(label, condition)).forward and row in means
        ),
    )
