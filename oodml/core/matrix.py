"""Vectors in whatever form they are given -> a checked NumPy matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError

_PIECE_BYTES = 1 << 20  # in float64; small enough to stay in a core's cache


def as_matrix(vectors: Any, name: str, ids: Sequence[str] | None = None) -> NDArray[Any]:
    """A floating point NumPy matrix [N, D] of finite values, without copying where possible.

    Args:
        vectors: NumPy array of floats or integers, torch tensor of any floating type (bfloat16
            included, with or without a gradient) on any device, list of rows, or DataFrame of numbers.
        name: what to call it in messages.
        ids: row ids for messages.

    Raises:
        DataError: not two-dimensional, no columns, not numbers, or a row with NaN or infinity.
    """
    matrix = _to_numpy(vectors, name)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError(f"{name}: expected an array [N, D] with D >= 1, got shape {matrix.shape}")
    if matrix.dtype.kind in "iub":
        matrix = matrix.astype(np.float32 if matrix.dtype.itemsize <= 2 else np.float64)
    if matrix.dtype.kind != "f":
        raise DataError(f"{name}: expected real numbers, got {matrix.dtype}")
    if matrix.dtype.itemsize > 8:  # long double: beyond what is computed in
        matrix = matrix.astype(np.float64)
    for start, stop in row_pieces(*matrix.shape):
        good = np.isfinite(matrix[start:stop]).all(axis=1)
        if not good.all():
            row = start + int(np.argmin(good))
            known = ids is not None and row < len(ids)
            which = f" (id {ids[row]!r})" if known else ""  # type: ignore[index]
            raise DataError(f"{name}: row {row}{which} has NaN or infinite values")
    return matrix


def rows_a_piece(columns: int) -> int:
    """How many rows of so many float64 columns stay in a core's cache."""
    return max(1, _PIECE_BYTES // (8 * columns))


def row_pieces(rows: int, columns: int) -> list[tuple[int, int]]:
    """(start, stop) of pieces of that many rows."""
    step = rows_a_piece(columns)
    return [(start, min(rows, start + step)) for start in range(0, rows, step)]


def _to_numpy(vectors: Any, name: str) -> NDArray[Any]:
    if isinstance(vectors, (list, tuple)) and any(hasattr(row, "detach") for row in vectors):
        vectors = [_of_tensor(row) if hasattr(row, "detach") else row for row in vectors]
    if hasattr(vectors, "detach"):
        return _of_tensor(vectors)
    if hasattr(vectors, "columns") and hasattr(vectors, "to_numpy"):  # a DataFrame
        found = np.asarray(vectors.to_numpy())
        if found.dtype != object:
            return found
        try:
            return np.asarray(vectors.to_numpy(dtype=np.float64, na_value=np.nan))
        except (TypeError, ValueError):
            raise DataError(
                f"{name}: a table with columns that hold no numbers; give its columns of numbers only"
            ) from None
    try:
        return np.asarray(vectors)
    except ValueError:  # numpy's word for rows of different length
        raise DataError(
            f"{name}: expected an array [N, D]; its rows differ in length or shape"
        ) from None


def _of_tensor(tensor: Any) -> NDArray[Any]:
    tensor = tensor.detach()
    if tensor.layout.__str__() != "torch.strided":
        tensor = tensor.to_dense()
    tensor = tensor.cpu().resolve_conj().resolve_neg()
    try:
        return np.asarray(tensor.numpy())
    except TypeError:  # bfloat16 and the types of 8 bits, which NumPy does not have
        return np.asarray(tensor.float().numpy())
