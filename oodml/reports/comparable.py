"""Rows that must not share a table are refused, and the two that do not fit are named."""

from __future__ import annotations

import pandas as pd

from oodml.core.errors import OodmlError

_OF_ALL = ("dataset", "ladder", "ladder_sha256", "backbone", "protocol", "shift_measure")
_OF_TRAINED = ("mode", "selection")
_OF_A_LABEL = ("method", "hyper_parameters", "training", "method_version")
_SHOWN = 60


def shared_values(rows: pd.DataFrame) -> dict[str, str]:
    """What all rows of a table have in common, by column: the context of its numbers.

    Methods may be trained with different values (their labels say so); the mode, the selection
    rule and its fairness are one for all that train.

    Raises:
        OodmlError: the rows differ where they must not, or one label means two things.
    """
    trained = rows[rows["trains"]]
    _refuse_mixed_fairness(trained)
    context = {column: _single(rows, column) for column in _OF_ALL}
    context |= {column: _single(trained, column) for column in _OF_TRAINED}
    context["selection_fair"] = _single(trained, "selection_fair")
    for (label, condition), group in rows.groupby(["label", "condition"], sort=False):
        for column in _OF_A_LABEL:
            if column in group and group[column].nunique() > 1:
                raise OodmlError(
                    f"{label} ({condition}): results with different {column} under one label would "
                    f"be averaged: {_listed(group, column)}; leave one of them out"
                )
    return context


def _refuse_mixed_fairness(trained: pd.DataFrame) -> None:
    fair = trained["selection_fair"].astype(bool)
    if fair.any() and not fair.all():
        raise OodmlError(
            f"results selected fairly ({_listed(trained[fair], 'selection')}) and results selected "
            f"with a look at the test side ({_listed(trained[~fair], 'selection')}) do not share a "
            "table"
        )


def _single(rows: pd.DataFrame, column: str) -> str:
    values = sorted(map(str, rows[column].unique()))
    if len(values) > 1:
        raise OodmlError(
            f"results with different {column} do not share a table: {_listed(rows, column)}"
        )
    return values[0] if values else "none"


def _listed(rows: pd.DataFrame, column: str) -> str:
    return ", ".join(value[:_SHOWN] for value in sorted(map(str, rows[column].unique())))
