"""The in-distribution ceiling: other images of the test classes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oodml.core.hashing import derived_seed
from oodml.runs.plan.conditions.registry import ConditionContext, register_condition
from oodml.runs.plan.split import Split
from oodml.shift import ceiling_images

_VALIDATION_SHARE = 0.25
# Two images to train on, and two so that a validation image has something to retrieve.
_LEAST_IMAGES = 4


@register_condition("ceiling")
def ceiling(context: ConditionContext) -> list[Split]:
    """Train on a share of the images of the test classes, test on their other images.

    Validation is image-wise: of every class with at least four training images a quarter, at least
    two, ranked by a seeded hash of their ids, is ``val``. The shift is that of the level.
    """
    splits = []
    for level in context.each_level("ceiling"):
        train, test = ceiling_images(
            context.ladder, level.index, context.items.images_of(level.test)
        )
        kept, held = validation_images(train, level.controls["ceiling"]["seed"])
        splits.append(
            Split(
                condition="ceiling",
                level=level.index,
                draw=None,
                shift=level.shift,
                train=context.items.of_images(kept),
                val=context.items.of_images(held),
                test=context.items.of_images(test),
            )
        )
    return splits


def validation_images(
    images: Mapping[str, Sequence[str]], seed: int
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Training images of each class as (kept, held out for validation): class name -> ids.

    Which image goes where does not depend on the order of ids or classes.
    """
    kept: dict[str, list[str]] = {}
    held: dict[str, list[str]] = {}
    for name, ids in images.items():
        ranked = sorted(ids, key=lambda one: (derived_seed("validation image", seed, one), one))
        count = max(2, round(_VALIDATION_SHARE * len(ids))) if len(ids) >= _LEAST_IMAGES else 0
        held[name], kept[name] = sorted(ranked[:count]), sorted(ranked[count:])
    return kept, held
