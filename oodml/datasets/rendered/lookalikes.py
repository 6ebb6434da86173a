"""Drawings that cannot be told apart: copies of a style, and concepts that look the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Drawing = NDArray[np.uint8]
Drawings = dict[str, dict[str, Drawing]]  # style -> concept -> image


def distinct_styles(stacks: Sequence[Drawing], threshold: float) -> list[int]:
    """Greedily keep the styles that differ from every kept one; earlier ones win.

    Args:
        stacks: images of the same concepts in different styles, each uint8 [n, H, W], 0 is ink.
        threshold: least difference, see ``relative_difference``.
    """
    kept: list[int] = []
    for index, stack in enumerate(stacks):
        if all(relative_difference(stack, stacks[other]) >= threshold for other in kept):
            kept.append(index)
    return kept


def merge_lookalikes(
    drawings: Drawings, threshold: float, naming_order: Callable[[str], Any]
) -> dict[str, str]:
    """Concept -> the concept that names its class.

    Concepts whose drawings differ by at most ``threshold`` in at least half of the styles that have
    both are one class, named by the one that comes first in ``naming_order``.
    """
    alike: Counter[tuple[str, str]] = Counter()
    for drawn in drawings.values():
        alike.update(_alike_pairs(drawn, threshold))
    concepts = sorted({concept for drawn in drawings.values() for concept in drawn})
    class_of = {concept: concept for concept in concepts}
    for a, b in sorted(alike):
        both = sum(a in drawn and b in drawn for drawn in drawings.values())
        if 2 * alike[a, b] >= both:
            keep, drop = sorted((class_of[a], class_of[b]), key=naming_order)
            class_of = {x: keep if named == drop else named for x, named in class_of.items()}
    return class_of


def class_drawings(
    drawings: Drawings,
    class_of: dict[str, str],
    threshold: float,
    naming_order: Callable[[str], Any],
) -> dict[str, dict[str, Drawing]]:
    """Class -> style -> image, without images that stand twice.

    A style without the naming concept gives the next of its lookalikes. Of images of a class that
    differ by at most ``threshold`` the first style's stands; an image that stands in two classes,
    pixel for pixel, tells nothing and is dropped from both.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for concept in sorted(class_of, key=naming_order):
        members[class_of[concept]].append(concept)
    chosen: dict[str, dict[str, Drawing]] = {}
    for named, concepts in members.items():
        kept: dict[str, Drawing] = {}
        for style in sorted(drawings):
            drawn = drawings[style]
            image = next((drawn[concept] for concept in concepts if concept in drawn), None)
            if image is not None and all(
                relative_difference(image, other) > threshold for other in kept.values()
            ):
                kept[style] = image
        chosen[named] = kept
    classes_of_image = Counter(i.tobytes() for images in chosen.values() for i in images.values())
    return {
        named: {s: i for s, i in images.items() if classes_of_image[i.tobytes()] == 1}
        for named, images in chosen.items()
    }


def relative_difference(a: Drawing, b: Drawing) -> float:
    """Share of the ink of two drawings that they do not have in common: 0 same, 1 disjoint.

    sum |a - b| / (sum a + sum b) with ink counted from white (255) down; whole numbers, so the
    result is the same on every machine.
    """
    total = ink(a) + ink(b)
    return _apart(a, b) / total if total else 0.0


def ink(image: Drawing) -> int:
    """Total darkness of an image: the sum of 255 - pixel."""
    return 255 * image.size - int(image.sum(dtype=np.int64))


def _apart(a: Drawing, b: Drawing) -> int:
    """The sum of all differences of pixels."""
    return int(np.abs(a.astype(np.int16) - b).sum(dtype=np.int64))


def _alike_pairs(drawn: dict[str, Drawing], threshold: float) -> Iterator[tuple[str, str]]:
    """Pairs of concepts that one style draws the same way, each pair in sorted order."""
    by_ink = sorted((ink(image), concept) for concept, image in drawn.items())
    for index, (amount, concept) in enumerate(by_ink):
        for other_amount, other in by_ink[index + 1 :]:
            # The difference is at least that of the amounts of ink.
            if other_amount - amount > threshold * (other_amount + amount):
                break
            apart = _apart(drawn[concept], drawn[other])
            if apart <= threshold * (other_amount + amount):
                yield (concept, other) if concept < other else (other, concept)
