"""The nearest gallery items of chosen queries, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.matrix import as_matrix
from oodml.evaluation.inputs.frame import check_similarity, frame_of
from oodml.evaluation.inputs.prepare import prepare
from oodml.evaluation.ranks.close_calls import TIE_TOLERANCE

_PIECE_BYTES = 32 << 20


def nearest_neighbours(
    embeddings: Any,
    queries: Sequence[int] | NDArray[np.int64],
    k: int,
    *,
    similarity: str = "cosine",
) -> NDArray[np.int64]:
    """Rows of the ``k`` items most similar to each query row, itself left out: int64 [Q, k].

    Computed in float64 from the same prepared rows as the ranks; ties stand in row order.
    """
    kind = check_similarity(similarity)
    matrix = as_matrix(embeddings, "embeddings")
    rows = np.asarray(queries, np.int64)
    if not 1 <= k < len(matrix):
        raise UsageError(f"k={k}: expected 1 to {len(matrix) - 1}")
    frame = frame_of(kind, matrix, [(matrix, "embeddings")])
    prepared = prepare(matrix, np.arange(len(matrix)), frame)
    scores = np.empty((len(rows), len(matrix)))
    step = max(1, _PIECE_BYTES // (8 * matrix.shape[1]))
    asked = prepared.rows[rows].astype(np.float64)
    for start in range(0, len(matrix), step):
        at = slice(start, start + step)
        piece = prepared.rows[at].astype(np.float64)
        scores[:, at] = asked @ piece.T - prepared.half_squares[at]
    scores[np.arange(len(rows)), rows] = -np.inf
    # Equal up to the tie tolerance counts as equal; a stable sort then keeps row order.
    rounded = np.round(scores / TIE_TOLERANCE)
    return np.argsort(-rounded, axis=1, kind="stable")[:, :k]
