"""Embeddings as given -> the float32 rows whose similarities are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.threads import available_threads, run_in_threads

Similarity = Literal["cosine", "dot", "euclidean"]
_EINSUM_BUFFER = 8192  # longer rows einsum adds in pieces that depend on the rows around
_PIECE_BYTES = 1 << 20  # in float64; small enough to stay in a core's cache


@dataclass(frozen=True)
class PreparedRows:
    """What the counting works on.

    The similarity of query q and gallery item g is ``q . g - half_square[g]``, which orders a
    gallery as cosine, dot product or negative Euclidean distance do.

    Attributes:
        rows: float32 [N, D]. Cosine: unit vectors (zero vectors stay zero). Dot and Euclidean: the
            given vectors times one power of two that brings the longest to at most length 1.
        lengths: float64 [N], Euclidean length of each row.
        half_squares: float64 [N], half the squared length for Euclidean, 0 otherwise.
    """

    rows: NDArray[np.float32]
    lengths: NDArray[np.float64]
    half_squares: NDArray[np.float64]


def check_similarity(similarity: str) -> Similarity:
    """The name itself, or UsageError."""
    if similarity not in get_args(Similarity):
        known = ", ".join(get_args(Similarity))
        raise UsageError(f"similarity {similarity!r}: expected one of {known}")
    return similarity  # type: ignore[return-value]


def as_matrix(embeddings: Any, name: str, ids: Sequence[str] | None = None) -> NDArray[Any]:
    """A floating point NumPy matrix [N, D] of finite values, without copying where possible.

    Args:
        embeddings: NumPy array of float16/32/64 or integers, or a torch tensor of any floating
            type (bfloat16 included) on any device.
        name: what to call it in messages.
        ids: row ids for messages.

    Raises:
        DataError: not two-dimensional, no columns, not numbers, or a row with NaN or infinity.
    """
    matrix = _to_numpy(embeddings)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError(f"{name}: expected an array [N, D] with D >= 1, got shape {matrix.shape}")
    if matrix.dtype.kind in "iub":
        matrix = matrix.astype(np.float32 if matrix.dtype.itemsize <= 2 else np.float64)
    if matrix.dtype.kind != "f":
        raise DataError(f"{name}: expected floating point numbers, got {matrix.dtype}")
    for start, stop in _pieces(*matrix.shape):
        good = np.isfinite(matrix[start:stop]).all(axis=1)
        if not good.all():
            row = start + int(np.argmin(good))
            which = f" (id {ids[row]!r})" if ids is not None else ""
            raise DataError(f"{name}: row {row}{which} has NaN or infinite values")
    return matrix


def prepare(
    matrix: NDArray[Any],
    order: NDArray[np.int64],
    similarity: Similarity,
    largest: float,
) -> PreparedRows:
    """The rows ``matrix[order]`` made ready for counting.

    Every row is treated by itself and always in the same way (in float64, then rounded once to
    float32), so equal rows stay equal and nothing depends on the other rows or the backend.

    Args:
        largest: longest row over queries and gallery, from `largest_length`.
    """
    n, dim = len(order), matrix.shape[1]
    rows = np.empty((n, dim), np.float32)
    lengths = np.empty(n)
    scale = 1.0 if similarity == "cosine" or largest == 0 else 2.0 ** -np.ceil(np.log2(largest))

    def fill(bounds: tuple[int, int]) -> None:
        space = np.empty((min(_rows_a_piece(dim), bounds[1] - bounds[0]), dim))
        for start in range(*bounds, len(space)):
            at = slice(start, min(bounds[1], start + len(space)))
            piece = space[: at.stop - at.start]
            piece[:] = matrix[order[at]]
            if similarity == "cosine":
                norm = _lengths(piece)
                piece /= np.where(norm == 0, 1.0, norm)[:, None]
            else:
                piece *= scale
            rows[at] = piece
            piece[:] = rows[at]
            lengths[at] = _lengths(piece)

    share = max(_rows_a_piece(dim), -(-n // available_threads()))
    run_in_threads(fill, [(start, min(n, start + share)) for start in range(0, n, share)])
    half = 0.5 * lengths**2 if similarity == "euclidean" else np.zeros(n)
    return PreparedRows(rows, lengths, half)


def largest_length(matrix: NDArray[Any], name: str) -> float:
    """The longest row's Euclidean length; DataError if it overflows."""
    largest = 0.0
    for start, stop in _pieces(*matrix.shape):
        largest = max(largest, float(_lengths(matrix[start:stop].astype(np.float64)).max()))
    if not np.isfinite(largest):
        raise DataError(f"{name}: values so large that a row's length overflows; rescale them")
    return largest


def _lengths(piece: NDArray[np.float64]) -> NDArray[np.float64]:
    # One C-contiguous float64 row is summed the same way wherever it stands in the array, so
    # duplicates get bit-equal lengths. (A cast inside the reduction would be buffered across rows.)
    with np.errstate(over="ignore"):
        if piece.shape[1] > _EINSUM_BUFFER:
            return np.sqrt(np.ascontiguousarray(piece * piece).sum(axis=1))
        return np.sqrt(np.einsum("ij,ij->i", piece, piece))


def _rows_a_piece(columns: int) -> int:
    return max(1, _PIECE_BYTES // (8 * columns))


def _pieces(rows: int, columns: int) -> list[tuple[int, int]]:
    step = _rows_a_piece(columns)
    return [(start, min(rows, start + step)) for start in range(0, rows, step)]


def _to_numpy(embeddings: Any) -> NDArray[Any]:
    if hasattr(embeddings, "detach"):
        import torch

        tensor = embeddings.detach()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        return tensor.cpu().numpy()
    return np.asarray(embeddings)
