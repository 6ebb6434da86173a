"""What a label is: one rule for evaluation, ladders and files.

A label is *missing* where it is None, NaN of any type, NaT, ``pandas.NA`` or ``""``. Any other is the
name of a class: text as it stands, a whole number by its digits whatever its type (3, 3.0 and
``np.int64(3)`` are one class, since one missing number makes floats of a column), anything else by its
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError

UNLABELLED = -1


class LabelList(list[int | str | None]):
    """Labels by the rule: whole numbers, text, or None for a missing one."""


Labels = LabelList | NDArray[np.int64]


def is_missing(label: Any) -> bool:
    """Whether a label stands for "unlabelled".

    >>> [is_missing(one) for one in (None, float("nan"), "", "nan", 0)]
    [True, True, True, False, False]
    """
    if label is None or isinstance(label, str):
        return not label
    try:
        return bool(label != label)
    except TypeError:  # pandas.NA is neither equal to itself nor not
        return True
    except ValueError:  # an array: no label at all
        return False


def plain_label(label: Any) -> int | str | None:
    """One label by the rule of this module: a whole number, text, or None where it is missing.

    Raises:
        DataError: a list, an array or a table, which is no label.

    >>> [plain_label(one) for one in (3, 3.0, "3.0", 2.5, True, float("nan"))]
    [3, 3, '3.0', '2.5', 'True', None]
    """
    if type(label) is str:
        return label or None
    if isinstance(label, (np.ndarray, np.generic)) or hasattr(label, "detach"):
        label = label.item() if getattr(label, "ndim", 0) == 0 else label.tolist()
    if isinstance(label, (list, Set, Mapping)):
        raise DataError(f"{type(label).__name__} where a class name or number was expected")
    if is_missing(label):
        return None
    if isinstance(label, bool):
        return str(label)
    if isinstance(label, int):
        return label
    if isinstance(label, float):
        return int(label) if label.is_integer() else str(label)
    if isinstance(label, bytes):
        return label.decode("utf-8", errors="replace") or None
    return str(label)


def plain_labels(labels: Any, what: str = "labels") -> Labels:
    """A column of labels by the rule: int64 [N] where all are whole numbers in an array, else a list.

    Lists, arrays, torch tensors, pandas and Arrow columns are read. (A list of Python integers takes
    five times the memory of an array, which matters for large galleries.)

    Raises:
        DataError: no column of labels: a table, a single text, None.
    """
    if isinstance(labels, LabelList):
        return labels
    given = _column(labels, what)
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        if np.can_cast(given.dtype, np.int64):
            return given.astype(np.int64, copy=False)
        given = given.tolist()
    elif isinstance(given, np.ndarray) and given.dtype.kind in "fSU":
        given = given.tolist()
    found = LabelList()
    for row, one in enumerate(given):
        try:
            found.append(plain_label(one))
        except DataError as error:
            raise DataError(f"{what}: row {row} is a {error}") from None
    return found


def encode_labels(columns: Sequence[Labels]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Codes of each column and the class names by code; ``UNLABELLED`` for missing labels.

    Whole numbers sort as numbers; anything else, or a mixture, by its text.
    """
    arrays = [column for column in columns if isinstance(column, np.ndarray)]
    if len(arrays) == len(columns):
        known = np.unique(np.concatenate([np.unique(column) for column in arrays]))
        codes = [np.searchsorted(known, column).astype(np.int64) for column in arrays]
        return codes, tuple(str(one) for one in known.tolist())
    lists = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns]
    values = {one for column in lists for one in column if one is not None}
    if not all(isinstance(one, int) for one in values):
        lists = [[None if one is None else str(one) for one in column] for column in lists]
        values = {str(one) for one in values}
    ordered: list[Any] = sorted(values)  # type: ignore[type-var]
    code_of = {one: code for code, one in enumerate(ordered)}
    codes = [
        np.array([UNLABELLED if one is None else code_of[one] for one in column], np.int64)
        for column in lists
    ]
    return codes, tuple(str(one) for one in ordered)


def text_cell(value: Any) -> str:
    """A cell of a typed column as text: ``""`` for a missing one, whole numbers by their digits."""
    if isinstance(value, str):
        return value
    name = plain_label(value)
    return "" if name is None else str(name)


_WHOLE_FLOAT = re.compile(r"-?[0-9]+\.0+|nan", re.IGNORECASE)


def label_cells(cells: Sequence[str]) -> tuple[str, ...]:
    """Labels of a text file: a column of floats in text is read as the numbers it was.

    Text says no more than it says, so that only a column is touched in which every filled cell is a
    whole number with ``.0`` or ``nan``: "nan" is then a missing number and no class.

    >>> label_cells(["1.0", "nan", "", "2.0"]), label_cells(["nan", "lee"]), label_cells(["1.10"])
    (('1', '', '', '2'), ('nan', 'lee'), ('1.10',))
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled or not all(_WHOLE_FLOAT.fullmatch(cell) for cell in filled):
        return tuple(cells)
    names = (plain_label(float(cell)) if cell.strip() else None for cell in cells)
    return tuple("" if name is None else str(name) for name in names)


def _column(labels: Any, what: str) -> Iterable[Any]:
    """What is given as an array or an iterable of N labels; DataError where it is neither."""
    if labels is None or isinstance(labels, (str, bytes, Mapping, Set)):
        raise DataError(f"{what}: expected one label a row, got {type(labels).__name__}")
    if hasattr(labels, "detach"):
        tensor = labels.detach()
        labels = (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()
    if hasattr(labels, "to_pylist"):
        labels = labels.to_pylist()
    shape = getattr(labels, "shape", None)
    if shape is not None and len(shape) != 1:
        raise DataError(f"{what}: expected one dimension, got shape {tuple(shape)}")
    if isinstance(labels, np.ndarray):
        return labels.tolist() if isinstance(labels, np.ma.MaskedArray) else labels
    try:
        return list(labels)
    except TypeError:
        raise DataError(f"{what}: expected one label a row, got {type(labels).__name__}") from None
