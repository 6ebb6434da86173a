"""What to say when a name is not known: the near ones, else all there are."""

from __future__ import annotations

import difflib
from collections.abc import Collection

_SHOWN = 40


def near_names(name: str, known: Collection[str], most: int = 3) -> list[str]:
    """Up to ``most`` of the known names that look like ``name``, the nearest first."""
    return difflib.get_close_matches(name, list(known), n=most, cutoff=0.5)


def name_hint(
    name: str,
    known: Collection[str],
    none: str = "there are none",
    *,
    also: Collection[str] = (),
) -> str:
    """``did you mean a or b?``, or the known names where none is near.

    ``also`` are names that may be meant but are not worth listing.

    >>> name_hint("tripplet", ["frozen", "triplet"])
    'did you mean triplet?'
    >>> name_hint("x", ["frozen", "triplet"])
    'known: frozen, triplet'
    """
    near = near_names(name, [*known, *also])
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not known:
        return none
    names = sorted(known)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"known: {', '.join(names[:_SHOWN])}{more}"
