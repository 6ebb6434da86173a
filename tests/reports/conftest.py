"""Fixtures of the tests of reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from oodml.runs.store.cells import CellStore


@pytest.fixture(autouse=True)
def made_up_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of these tests have files of cells that no run made, and so no records of them."""

    def file(store: CellStore, run_id: str, name: str) -> Path | None:
        path = store.path(run_id) / name
        return path if path.is_file() else None

    monkeypatch.setattr(CellStore, "file", file)
