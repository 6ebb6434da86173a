"""Whether a ladder's few-shot episodes name images that a data set has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from oodml.core.errors import DataError
from oodml.shift.ladder.model import Ladder


def unknown_episode_ids(
    ladder: Ladder,
    image_ids: Iterable[str],
    level: int | None = None,
    shots: Sequence[int] | None = None,
) -> list[str]:
    """Ids of support images that are not among ``image_ids``, sorted.

    A ladder without episodes names none.

    Args:
        image_ids: ids of the data set's images.
        level: of this level's episodes only; None: of all levels.
        shots: of the episodes of these numbers of shots only; None: of all.
    """
    table = ladder.episode_table
    if table is None:
        return []
    chosen = np.ones(len(table.ids), dtype=bool)
    if level is not None:
        chosen &= table.level == level
    if shots is not None:
        chosen &= np.isin(table.shots, list(shots))
    known = set(image_ids)
    return sorted({table.ids[row] for row in np.flatnonzero(chosen)} - known)


def episode_id_problem(
    ladder: Ladder,
    image_ids: Iterable[str],
    level: int | None = None,
    shots: Sequence[int] | None = None,
    *,
    file: str | Path | None = None,
) -> str:
    """What to tell of episodes that name images a data set does not have; "" where it has all.

    It names the file, how many images, the first, how the data set's own ids look, and what to do.

    Args:
        image_ids, level, shots: as in :func:`unknown_episode_ids`.
        file: where the ladder was read from.
    """
    known = list(image_ids)
    unknown = unknown_episode_ids(ladder, known, level, shots)
    if not unknown:
        return ""
    where = f"ladder {ladder.name!r}" if file is None else str(file)
    where += "" if level is None else f", level {level}"
    own = f"its ids look like {known[0]!r}" if known else "it has no images"
    return (
        f"{where}: the few-shot episodes name {len(unknown)} image(s) that the data set does not "
        f"have, first {unknown[0]!r} ({own}); go without few-shot results (shots = []), or import "
        "the split file again with a map of its ids (oodml split import --id-map FILE.csv)"
    )


def check_episode_ids(
    ladder: Ladder,
    image_ids: Iterable[str],
    level: int | None = None,
    shots: Sequence[int] | None = None,
    *,
    file: str | Path | None = None,
) -> None:
    """Raises DataError with the text of :func:`episode_id_problem` where there is one."""
    problem = episode_id_problem(ladder, image_ids, level, shots, file=file)
    if problem:
        raise DataError(problem)
