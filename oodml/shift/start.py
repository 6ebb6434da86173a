"""The partition a generator starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oodml.core.errors import DataError, UsageError
from oodml.core.hashing import derived_seed
from oodml.shift.distance.gram import Index
from oodml.shift.distance.means import ClassMeans


def class_units(
    means: ClassMeans, superclass_of: Mapping[str, str] | None, whole: bool
) -> tuple[Index, ...]:
    """Groups of classes that move together: superclasses if ``whole``, single classes otherwise."""
    if not whole:
        return tuple(np.array([row], dtype=np.intp) for row in range(len(means)))
    if superclass_of is None:
        raise UsageError("keep_superclasses needs superclasses, and this data set names none")
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(means.names):
        if name not in superclass_of:
            raise DataError(
                f"class {name!r} has no superclass, so superclasses cannot be kept whole"
            )
        groups.setdefault(superclass_of[name], []).append(row)
    return tuple(np.array(groups[name], dtype=np.intp) for name in sorted(groups))


def starting_sides(
    means: ClassMeans,
    units: Sequence[Index],
    default_split: tuple[Sequence[str], Sequence[str]] | None,
    pinned_train: Sequence[str],
    pinned_test: Sequence[str],
    seed: int,
) -> tuple[Index, Index]:
    """Rows of the training and the test side to start from.

    The data set's conventional split where it has one, else seeded random halves of the units.
    Pinned classes are put on their side, a class (or unit) of the other side going the other way.
    """
    if default_split is not None:
        left = _from_default(means, default_split)
        side = np.zeros(len(means), dtype=bool)
        side[left] = True
        for unit in units:
            if side[unit].any() and not side[unit].all():
                # The conventional split cuts this superclass: it goes where most of it stands.
                side[unit] = side[unit].mean() >= 0.5
    else:
        side = _halves(means, units, seed)
    _pin(means, units, side, pinned_train, pinned_test)
    left, right = np.flatnonzero(side), np.flatnonzero(~side)
    if min(len(left), len(right)) < 2:
        raise DataError(
            f"the starting partition has {len(left)} and {len(right)} classes; each side needs at "
            "least 2, so give at least 4 classes with enough images"
        )
    return left, right


def _from_default(means: ClassMeans, default_split: tuple[Sequence[str], Sequence[str]]) -> Index:
    train, test = set(default_split[0]), set(default_split[1])
    shared = sorted(train & test)
    if shared:
        raise DataError(f"default split: class {shared[0]!r} stands on both sides")
    missing = [name for name in means.names if name not in train and name not in test]
    if missing:
        raise DataError(
            f"default split: class {missing[0]!r} stands on neither side "
            f"({len(missing)} classes missing)"
        )
    return np.array([row for row, name in enumerate(means.names) if name in train], dtype=np.intp)


def _halves(means: ClassMeans, units: Sequence[Index], seed: int) -> np.ndarray:
    """Random units go left until half of the classes are there."""
    rng = np.random.default_rng(derived_seed("starting partition", seed))
    side = np.zeros(len(means), dtype=bool)
    half = (len(means) + 1) // 2
    for number in rng.permutation(len(units)):
        unit = units[number]
        # A whole superclass goes left if that brings the left side nearer to half.
        if abs(side.sum() + len(unit) - half) < abs(side.sum() - half):
            side[unit] = True
    return side


def _pin(
    means: ClassMeans,
    units: Sequence[Index],
    side: np.ndarray,
    pinned_train: Sequence[str],
    pinned_test: Sequence[str],
) -> None:
    both = sorted(set(pinned_train) & set(pinned_test))
    if both:
        raise UsageError(f"class {both[0]!r} is pinned to both sides")
    if not pinned_train and not pinned_test:
        return
    rows = {True: means.rows_of(pinned_train), False: means.rows_of(pinned_test)}
    held = set(rows[True].tolist()) | set(rows[False].tolist())
    for target, pinned in rows.items():
        for unit in units:
            if not np.isin(unit, pinned).any() or side[unit[0]] == target:
                continue
            if np.isin(unit, rows[not target]).any():
                raise UsageError(
                    f"class {means.names[unit[0]]!r}: its superclass is kept whole but pinned to "
                    "both sides"
                )
            side[unit] = target
            _send_back(units, side, not target, len(unit), held)


def _send_back(
    units: Sequence[Index], side: np.ndarray, to: bool, size: int, held: set[int]
) -> None:
    """Keep the sides' sizes: the first free unit of the same size goes the other way."""
    for unit in units:
        if side[unit[0]] != to and len(unit) == size and not held & set(unit.tolist()):
            side[unit] = to
            return
