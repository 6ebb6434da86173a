from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from oodml.core.errors import UsageError
from oodml.core.figures import save_figure


def _figure() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 3, 2], label="a curve")
    return figure


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_equal_figures_are_equal_files(tmp_path: Path, ending: str) -> None:
    one, two = (tmp_path / f"{name}.{ending}" for name in ("one", "two"))
    save_figure(_figure(), one)
    save_figure(_figure(), two)
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_size > 500


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
        save_figure(_figure(), tmp_path / "curve.doc")
    assert list(tmp_path.iterdir()) == []
