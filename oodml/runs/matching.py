"""Which ladder goes with which data set: one given by path pairs only with the data it fits."""

from __future__ import annotations

from collections.abc import Sequence

from oodml.core.errors import IntegrityError, UsageError
from oodml.datasets import ClassDataset
from oodml.runs.plan.sections import LadderEntry
from oodml.shift import Ladder, load_ladder

LoadedLadder = tuple[LadderEntry, Ladder | None]


def load_given(entries: Sequence[LadderEntry]) -> list[LoadedLadder]:
    """Entries with their ladders; None for one that is still to be generated."""
    return [(one, load_ladder(one.path) if one.path is not None else None) for one in entries]


def matching_ladders(
    ladders: Sequence[LoadedLadder], datasets: Sequence[ClassDataset]
) -> dict[str, list[LoadedLadder]]:
    """Data set name -> the ladders to run on it.

    Raises:
        UsageError: a ladder whose classes no data set has, or a data set without a ladder.
        IntegrityError: a ladder made for other data under the same class names.
    """
    found: dict[str, list[LoadedLadder]] = {dataset.name: [] for dataset in datasets}
    for entry, ladder in ladders:
        fitting = list(datasets) if ladder is None else _fitting(entry, ladder, datasets)
        for dataset in fitting:
            found[dataset.name].append((entry, ladder))
    without = [name for name, listed in found.items() if not listed]
    if without:
        raise UsageError(
            f"dataset: no ladder of the spec fits {without[0]!r}; give one, or drop it"
        )
    return found


def _fitting(
    entry: LadderEntry, ladder: Ladder, datasets: Sequence[ClassDataset]
) -> list[ClassDataset]:
    used = {name for level in ladder.levels for name in (*level.train, *level.val, *level.test)}
    problems = []
    named = []
    for dataset in datasets:
        missing = sorted(used - set(dataset.class_names))
        if missing:
            problems.append(
                f"class {missing[0]!r} (of {len(missing)}) is not in data set {dataset.name!r}"
            )
        else:
            named.append(dataset)
    if not named:
        raise UsageError(f"ladder.path {entry.path}: {'; '.join(problems)}")
    known = ladder.dataset_fingerprint
    fitting = [one for one in named if not known or one.fingerprint == known]
    if not fitting:
        raise IntegrityError(
            f"ladder.path {entry.path}: made for data with fingerprint {known[:12]}, but "
            f"{named[0].name!r} here has {named[0].fingerprint[:12]}; make the ladder again or use "
            "the same data"
        )
    return fitting
