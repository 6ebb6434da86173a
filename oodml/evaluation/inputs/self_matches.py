"""Queries that stand in the gallery themselves, with nothing to tell that they do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError

_SAMPLE = 64


def refuse_own_copies(queries: NDArray[Any], gallery: NDArray[Any], what: str) -> None:
    """UsageError where most queries stand in the gallery, bit for bit and once each.

    Without ids a query cannot be told from its own row, which would come first and make every score
    perfect. Decided on up to 64 queries. A row that stands in the gallery several times is no evidence:
    embeddings that collapsed, or copies of a picture.

    Args:
        queries, gallery: [N, D] and [G, D].
        what: begins the message, for instance "gallery_embeddings hold".
    """
    if not len(queries) or not len(gallery):
        return
    chosen = np.unique(np.linspace(0, len(queries) - 1, _SAMPLE).astype(np.int64))
    sample = np.asarray(queries[chosen])
    # one column decides for almost all rows of the gallery, whatever its size
    column = int(np.argmax([len(np.unique(part)) for part in sample[:, :_SAMPLE].T]))
    likely = np.flatnonzero(np.isin(gallery[:, column], sample[:, column]))
    if len(likely) > 8 * _SAMPLE:  # a coarse column, as of integers: not all copies need be seen
        likely = likely[np.isin(np.asarray(gallery[likely, -1]), sample[:, -1])]
    found = np.asarray(gallery[likely[:4096]])
    once = sum(int((found == row).all(axis=1).sum()) == 1 for row in sample)
    if 2 * once > len(sample):
        raise UsageError(
            f"{what} the queries themselves ({once} of {len(sample)} looked at), and without ids each "
            "would find itself first: leave the gallery out (a query never ranks itself then), or give "
            "ids and gallery_ids, equal for the same image"
        )
