"""Labelled pairs for verification, from CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError
from oodml.core.paths import PathLike
from oodml.core.short_repr import short_fields
from oodml.evaluation.files.embedding_files import read_columns
from oodml.evaluation.inputs.pairing import check_ids
from oodml.evaluation.inputs.search_input import row_names

_SAME = {"1": True, "1.0": True, "true": True, "same": True}
_SAME |= {"0": False, "0.0": False, "false": False, "different": False}


@dataclass(frozen=True, repr=False)
class LabelledPairs:
    """Rows of each pair int64 [M], whether it is of one class bool [M], its fold int64 [M]."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    folds: NDArray[np.int64] | None

    __repr__ = short_fields


def read_pairs(path: PathLike, ids: Sequence[str] | None, count: int) -> LabelledPairs:
    """Read columns first, second, same and, if there is one, fold.

    Args:
        path: CSV or Parquet. ``first`` and ``second`` are ids, or row numbers from 0 where the
            embeddings have no ids; ``same`` is 1/0, true/false or same/different; ``fold`` is any
            name of the fold.
        ids: of the embeddings; ``count``: how many there are.

    Raises:
        DataError: a missing column, an unknown id or another value; names the file and the row.
    """
    columns = {
        name: tuple(cell.strip() for cell in column)
        for name, column in read_columns(path, ("first", "second", "same")).items()
    }
    names = check_ids(ids, count, "ids") or row_names(count)
    row_of = {one: row for row, one in enumerate(names)}
    kind = "id" if ids is not None else "row number"
    rows = {}
    for name in ("first", "second"):
        for place, one in enumerate(columns[name]):
            if one not in row_of:
                raise DataError(
                    f"{path}: data row {place + 1}, column {name}: no embedding has the {kind} "
                    f"{one!r} (there are {count})"
                )
        rows[name] = np.array([row_of[one] for one in columns[name]], np.int64)
    same = []
    for place, one in enumerate(columns["same"]):
        if one.lower() not in _SAME:
            raise DataError(
                f"{path}: data row {place + 1}, column same: {one!r}; expected 1 or 0, true or "
                "false, same or different"
            )
        same.append(_SAME[one.lower()])
    folds = None
    if "fold" in columns:
        if "" in columns["fold"]:
            place = columns["fold"].index("") + 1
            raise DataError(
                f"{path}: data row {place}, column fold is empty; name the fold of every pair, or "
                "leave the column out"
            )
        folds = np.unique(np.array(columns["fold"]), return_inverse=True)[1].astype(np.int64)
    return LabelledPairs(rows["first"], rows["second"], np.array(same, np.bool_), folds)
