"""Targets say how many levels there are."""

from __future__ import annotations

import pytest
from shift_reference import clustered

from oodml import generate_ladder
from oodml.core.errors import UsageError


def test_levels_follow_from_targets() -> None:
    features, names, _ = clustered(24, 12, 6)
    wanted = [level.shift for level in generate_ladder(features, names, levels=4).levels[1:3]]
    ladder = generate_ladder(features, names, targets=wanted)
    assert [level.target for level in ladder.levels] == pytest.approx(wanted)
    assert all(level.reached for level in ladder.levels)
    assert ladder.content() == generate_ladder(features, names, levels=2, targets=wanted).content()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"levels": 3, "targets": [1, 2]}, "levels is 3, but 2 targets are given; leave levels"),
        ({"targets": []}, "targets are empty"),
        ({"targets": "12"}, "targets: expected a list, got '12'"),
        ({"targets": ["x"]}, "targets: expected numbers, got 'x'"),
        ({"targets": 5}, "targets: expected a list, got 5"),
        ({"targets": [2, 1]}, "must be growing"),
        ({"targets": [1, 2], "steps": ["0", "1"]}, "leave one of them out"),
    ],
)
def test_targets_that_cannot_be_are_refused(given: dict, text: str) -> None:
    features, names, _ = clustered(24, 12, 6)
    with pytest.raises(UsageError, match=text):
        generate_ladder(features, names, **given)
