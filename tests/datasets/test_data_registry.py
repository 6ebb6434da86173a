"""Names are found, near names are offered, duplicates are refused."""

from __future__ import annotations

import pytest

from oodml.core.errors import UsageError
from oodml.datasets import list_datasets, load_dataset, register_dataset
from oodml.datasets.registry import builtin_datasets, dataset_kinds

pytestmark = pytest.mark.usefixtures("oodml_home")


def test_what_there_is() -> None:
    assert {"glyphs", "emoji", "icons"} <= set(list_datasets())
    assert dataset_kinds().names() == ["cub200", "image-folder", "omniglot", "vectors"]
    assert builtin_datasets().get("glyphs").installed()


def test_near_names() -> None:
    with pytest.raises(UsageError, match="unknown data set 'glyph'; did you mean glyphs"):
        load_dataset("glyph")
    with pytest.raises(UsageError, match="known: emoji, glyphs, icons"):
        load_dataset("zzzzzz")


def test_a_name_is_registered_once() -> None:
    builtin_datasets()
    with pytest.raises(UsageError, match="is registered already"):
        register_dataset("glyphs")(lambda: pytest.fail("never called"))
