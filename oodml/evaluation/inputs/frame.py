"""The origin and the scale in which the rows of one search are compared.

Float32 rows keep seven digits. A cloud of points a million away from the origin would keep none of
its shape, and what is far from 1 would overflow when it is squared. Euclidean distances know no
origin and no order changes with the scale, so both are chosen here: for all rows of a search alike,
and only where the rows call for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.lengths import far_centre, make_unit, row_lengths, spread_sample
from oodml.core.matrix import row_pieces

Similarity = Literal["cosine", "dot", "euclidean"]
_ONE_DIRECTION = 2.0**-16  # unit rows nearer than this are blurred by float32 and by the tie rule
_SAME_DIRECTION = 2.0**-48  # nearer still, they are one up to the rounding of float64
_EINSUM_BUFFER = 8192  # longer rows einsum adds in pieces that depend on the rows around


@dataclass(frozen=True)
class Frame:
    """How rows are brought to where they are compared.

    Attributes:
        similarity: what they are compared by.
        exponent: Dot and Euclidean: rows are multiplied by 2**exponent, which rounds nothing.
        centre: float64 [D] that is subtracted first, or None. Each difference is rounded once in
            float64, which is far below the float32 that follows.
    """

    similarity: Similarity
    exponent: int = 0
    centre: NDArray[np.float64] | None = None


def check_similarity(similarity: str) -> Similarity:
    """The name itself, or UsageError."""
    if similarity not in get_args(Similarity):
        known = ", ".join(get_args(Similarity))
        raise UsageError(f"similarity {similarity!r}: expected one of {known}")
    return similarity  # type: ignore[return-value]


def frame_of(
    similarity: Similarity, queries: NDArray[Any], sets: Iterable[tuple[NDArray[Any], str]]
) -> Frame:
    """The frame of a search.

    Args:
        queries: [N, D]; they alone decide on the centre, so that it is one for all parts of a
            gallery.
        sets: queries and gallery, or its parts, each with what to call it in messages.

    Raises:
        DataError: a row so long that its length overflows, or, for cosine, directions in float64 that
            float32 rows cannot tell apart.
    """
    if similarity == "cosine":
        _refuse_one_direction(queries)
        for _ in sets:  # each part is checked as it is read
            pass
        return Frame(similarity)
    centre = far_centre(queries) if similarity == "euclidean" else None
    largest = max(_largest_length(rows, name, centre) for rows, name in sets)
    return Frame(similarity, 0 if largest == 0 else -int(np.ceil(np.log2(largest))), centre)


def lengths(piece: NDArray[np.float64]) -> NDArray[np.float64]:
    """|x| of rows of ordinary magnitude: duplicates get bit-equal lengths wherever they stand.

    One C-contiguous float64 row is summed the same way wherever it stands in the array. (A cast inside
    the reduction would be buffered across rows.)
    """
    with np.errstate(over="ignore", under="ignore"):
        if piece.shape[1] > _EINSUM_BUFFER:
            return np.sqrt(np.ascontiguousarray(piece * piece).sum(axis=1))
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", piece, piece)))


def _refuse_one_direction(queries: NDArray[Any]) -> None:
    """DataError where float64 rows differ in direction, but by less than float32 can tell.

    Rows that are given in float32 or less have lost it before, and equal rows have none to lose.
    """
    if queries.dtype.itemsize < 8:
        return
    sample = make_unit(np.array(spread_sample(queries), np.float64))
    if not len(sample):
        return
    apart = float(np.median(row_lengths(sample - np.median(sample, axis=0))))
    if _SAME_DIRECTION < apart < _ONE_DIRECTION:
        raise DataError(
            f"embeddings: their directions differ by {apart:.1g} only, too little for the float32 that "
            "cosines are computed in; subtract their mean first, or compare them by similarity="
            "'euclidean', which knows no origin"
        )


def _largest_length(matrix: NDArray[Any], name: str, centre: NDArray[np.float64] | None) -> float:
    largest = 0.0
    for start, stop in row_pieces(*matrix.shape):
        piece = matrix[start:stop].astype(np.float64)
        if centre is not None:
            with np.errstate(over="ignore"):
                piece -= centre
        largest = max(largest, float(row_lengths(piece, lengths).max()))
    if not np.isfinite(largest):
        raise DataError(f"{name}: values so large that a row's length overflows; rescale them")
    return largest
