"""Ladders are saved to, read from and plotted into any form of path."""

from __future__ import annotations

import numpy as np
import pytest

from oodml import generate_ladder, load_ladder
from oodml.core.errors import OodmlError, UsageError
from oodml.shift.plots import plot_ladder

LADDER = generate_ladder(np.random.default_rng(0).normal(size=(48, 4)), np.arange(48) % 8, levels=2)


@pytest.mark.parametrize("form", [str, lambda path: path])
def test_forms(form, tmp_path):
    folder = form(tmp_path / "new" / "deep")
    LADDER.save(folder)
    assert load_ladder(folder) == LADDER
    assert load_ladder(form(tmp_path / "new" / "deep" / "ladder.json")) == LADDER
    assert all(path.is_file() for path in plot_ladder(LADDER, form(tmp_path / "plots")))


def test_what_is_no_path(tmp_path):
    for wrong in (None, 3, ["a"]):
        for function in (load_ladder, LADDER.save, lambda path: plot_ladder(LADDER, path)):
            with pytest.raises(UsageError, match="expected a path"):
                function(wrong)
    with pytest.raises(OodmlError, match="no such file"):
        load_ladder(tmp_path / "nowhere")
