"""Images of no data set, and the names that paths get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from oodml.core.errors import DataError
from oodml.core.names import check_plain_name
from oodml.datasets.given import plain_name
from oodml.datasets.image_files import images_below, images_listed


def picture(path: Path, grey: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), grey, np.uint8)).save(path)
    return path


def test_folders_in_any_layout_and_files_one_by_one(tmp_path: Path) -> None:
    files = [
        picture(tmp_path / "all" / name, grey)
        for grey, name in enumerate(("b.png", "deep/er/a.png", "z/é.png"))
    ]
    (tmp_path / "all" / "notes.txt").touch()
    below = images_below(tmp_path / "all", "all")
    assert below.image_ids == ("b.png", "deep/er/a.png", "z/é.png")
    assert [below.load_image(i).getpixel((0, 0))[0] for i in range(3)] == [0, 1, 2]
    listed = images_listed(files[::-1], "all")
    assert listed.image_ids == below.image_ids[::-1]  # the order of the list
    assert listed.fingerprint == below.fingerprint
    alone = images_listed(files[1:2], "one")
    assert alone.image_ids == ("a.png",)
    picture(files[0], 9)
    assert images_below(tmp_path / "all", "all").fingerprint != below.fingerprint


def test_what_is_missing_or_twice_is_named(tmp_path: Path) -> None:
    one = picture(tmp_path / "one.png", 0)
    with pytest.raises(DataError, match=r"gone\.png"):
        images_listed([one, tmp_path / "gone.png"], "x")
    with pytest.raises(DataError, match=r"'one\.png' stands more than once"):
        images_listed([one, one], "x")
    with pytest.raises(DataError, match="no image files given"):
        images_listed([], "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images found"):
        images_below(tmp_path / "empty", "x")


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "/" not in text and "\0" not in text))
def test_every_path_has_a_plain_name(text: str) -> None:
    check_plain_name("data set", plain_name(Path("folder") / text))
