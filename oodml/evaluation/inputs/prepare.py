"""Embeddings as given -> the float32 rows whose similarities are ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.lengths import make_unit, row_lengths
from oodml.core.matrix import rows_a_piece
from oodml.core.short_repr import short_fields
from oodml.core.threads import available_threads, run_in_threads
from oodml.evaluation.inputs.frame import Frame, lengths

_LARGEST_EXPONENT = 1000  # beyond, 2**exponent is no float64


@dataclass(frozen=True, repr=False)
class PreparedRows:
    """What the counting works on.

    The similarity of query q and gallery item g is ``q . g - half_square[g]``, which orders a
    gallery as cosine, dot product or negative Euclidean distance do.

    Attributes:
        rows: float32 [N, D]. Cosine: unit vectors (zero vectors stay zero). Dot and Euclidean: the
            given vectors in their `Frame`, the longest at most of length 1.
        lengths: float64 [N], Euclidean length of each row.
        half_squares: float64 [N], half the squared length for Euclidean, 0 otherwise.
    """

    rows: NDArray[np.float32]
    lengths: NDArray[np.float64]
    half_squares: NDArray[np.float64]

    __repr__ = short_fields


def prepare(matrix: NDArray[Any], order: NDArray[np.int64], frame: Frame) -> PreparedRows:
    """The rows ``matrix[order]`` made ready for counting.

    Every row is treated by itself and always in the same way (in float64, then rounded once to
    float32), so equal rows stay equal and nothing depends on the other rows or the backend.
    """
    n, dim = len(order), matrix.shape[1]
    rows = np.empty((n, dim), np.float32)
    found = np.empty(n)

    def fill(bounds: tuple[int, int]) -> None:
        space = np.empty((min(rows_a_piece(dim), bounds[1] - bounds[0]), dim))
        for start in range(*bounds, len(space)):
            at = slice(start, min(bounds[1], start + len(space)))
            piece = space[: at.stop - at.start]
            piece[:] = matrix[order[at]]
            if frame.similarity == "cosine":
                make_unit(piece, lengths)
            else:
                _place(piece, frame)
            rows[at] = piece
            piece[:] = rows[at]
            found[at] = row_lengths(piece, lengths)

    share = max(rows_a_piece(dim), -(-n // available_threads()))
    run_in_threads(fill, [(start, min(n, start + share)) for start in range(0, n, share)])
    half = 0.5 * found**2 if frame.similarity == "euclidean" else np.zeros(n)
    return PreparedRows(rows, found, half)


def _place(piece: NDArray[np.float64], frame: Frame) -> None:
    """Bring rows into their frame, in place."""
    if frame.centre is not None:
        piece -= frame.centre
    if abs(frame.exponent) > _LARGEST_EXPONENT:
        np.ldexp(piece, frame.exponent, out=piece)
    else:
        piece *= 2.0**frame.exponent
