"""The icons: fixed content, styles that differ, names read from every kind of table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oodml.core.errors import OodmlError
from oodml.datasets import ClassDataset, load_dataset
from oodml.datasets.registry import builtin_datasets
from oodml.datasets.rendered import icon_sets
from oodml.datasets.rendered.fonts import drawing_versions, package_versions
from oodml.datasets.rendered.icon_sets import ICON_STYLES, IconStyle, read_style

VERSIONS = {"freetype": "2.14.3", "iconipy": "0.5.1", "pillow": "13.0.0", "qtawesome": "1.4.2"}
FINGERPRINT = "6aabbc537b45af306dad222f7a63f45aa74aa97b394270284ed0c0dc3ca3ea26"

needs_extra = pytest.mark.skipif(
    not builtin_datasets().get("icons").installed(), reason="oodml[icons] is not installed"
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassDataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OODML_HOME", str(tmp_path_factory.mktemp("home")))
        yield load_dataset("icons")


@needs_extra
def test_fixed_fingerprint(dataset: ClassDataset) -> None:
    installed = package_versions("iconipy", "qtawesome") | drawing_versions()
    if installed != VERSIONS:
        pytest.skip(f"the fingerprint is recorded for {VERSIONS}, installed are {installed}")
    assert dataset.fingerprint == FINGERPRINT
    assert (len(dataset), len(dataset.class_names)) == (3194, 342)


@needs_extra
def test_shape_of_the_set(dataset: ClassDataset) -> None:
    counts = np.bincount(dataset.labels)
    assert counts.min() >= 6
    assert counts.max() <= len(ICON_STYLES)
    assert {"home", "search", "trash", "cog"} <= set(dataset.class_names)
    assert not {"house", "mail", "gear", "delete"} & set(dataset.class_names)
    assert {i.split("/")[1] for i in dataset.image_ids} == {style.name for style in ICON_STYLES}


@needs_extra
def test_nothing_is_blank_cut_or_twice(dataset: ClassDataset) -> None:
    pixels = np.stack([np.asarray(dataset.load_image(i)) for i in range(len(dataset))])[..., 0]
    assert pixels.reshape(len(pixels), -1).min(axis=1).max() < 100
    for edge in (pixels[:, :3], pixels[:, -3:], pixels[:, :, :3], pixels[:, :, -3:]):
        assert edge.min() > 200
    assert len({image.tobytes() for image in pixels}) == len(pixels)


@pytest.mark.parametrize(
    ("reader", "text", "expected"),
    [
        ("_json_names", '{"add": "0xea60", "ad": "f641"}', {"add": 0xEA60, "ad": 0xF641}),
        ("_lucide_names", '{"a": {"encodedCode": "\\\\e589"}}', {"a": 0xE589}),
        ("_css_names", '.bx-a:before {\n content: "\\e9ab";\n}', {"bx-a": 0xE9AB}),
        ("_codepoint_names", "10k e951\n10mp e952\n", {"10k": 0xE951, "10mp": 0xE952}),
        (
            "_ligature_names",
            '<td class="ligature">cut, scissors</td>\n<td class="unicode">\\E03b</td>',
            {"cut": 0xE03B, "scissors": 0xE03B},
        ),
        ("_numbered_names", '{"lni-a-2": 2, "lni-a-1": 1, "lni-b": 3}', {"lni-a": 1, "lni-b": 3}),
    ],
)
def test_tables_of_names(reader: str, text: str, expected: dict[str, int]) -> None:
    assert getattr(icon_sets, reader)(text) == expected


def test_a_style_takes_its_own_names(tmp_path: Path) -> None:
    (tmp_path / "f-1.ttf").touch()
    (tmp_path / "f.json").write_text('{"p-sun": 1, "p-sun-fill": 2, "q-sun": 3, "p-x_y": 4}')
    whole = IconStyle("f", "p", "f-*.ttf", "*.json", icon_sets._json_names, "p-", "", ("-fill",))
    assert read_style(whole, tmp_path) == (tmp_path / "f-1.ttf", {"sun": "\1", "x-y": "\4"})
    fill = IconStyle("g", "p", "f-*.ttf", "*.json", icon_sets._json_names, "p-", "-fill")
    assert read_style(fill, tmp_path)[1] == {"sun": "\2"}
    (tmp_path / "f-2.ttf").touch()
    with pytest.raises(OodmlError, match=r"2 files match f-\*\.ttf"):
        read_style(whole, tmp_path)
