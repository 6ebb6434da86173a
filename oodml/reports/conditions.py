"""The conditions of a results table: their order, and what each means to a reader."""

from __future__ import annotations

from collections.abc import Iterable

FORWARD = "forward"

# In the order in which tables show them, below the methods.
_MEANINGS = {
    "reverse": "training and test side exchanged",
    "held-out": "trained as the methods, tested on the images of the ceiling's test side",
    "ceiling": "trained on other images of the test classes, tested on the rest",
    "size-matched": "random classes of the start split, as few as the level has",
}


def in_order(conditions: Iterable[str]) -> list[str]:
    """Each once: forward, the known ones in their order, then others by name."""
    known = [FORWARD, *_MEANINGS]
    return sorted(
        set(conditions), key=lambda one: (known.index(one) if one in known else len(known), one)
    )


def meaning(condition: str) -> str | None:
    """What a condition other than forward is, in a few words, where that is known."""
    return _MEANINGS.get(condition)
