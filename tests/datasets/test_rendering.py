"""The render cache: used when whole, made again when torn, stale or altered."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oodml.datasets import DatasetCard
from oodml.datasets.rendered.rendering import (
    Recipe,
    Rendered,
    Rendering,
    cache_folder,
    cached_counts,
    halves,
    rendered_dataset,
)

pytestmark = pytest.mark.usefixtures("oodml_home")

CARD = DatasetCard("t", "d", "l", "c", "h", "s")
RECIPE = Recipe("toy", 1, {"tool": "1.0"})


class Renderer:
    """Draws four images and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Rendered:
        self.calls += 1
        images = [
            Rendering(f"{name}/{n}", name, np.full((4, 4), 50 * n + ord(name), np.uint8))
            for name in "ba"
            for n in (1, 0)
        ]
        return Rendered(images, {"a": "x", "b": "y"}, halves(["b", "a"]))


def test_rendered_once_and_sorted() -> None:
    renderer = Renderer()
    first = rendered_dataset(RECIPE, CARD, renderer)
    second = rendered_dataset(RECIPE, CARD, renderer)
    assert renderer.calls == 1
    assert first.image_ids == second.image_ids == ("a/0", "a/1", "b/0", "b/1")
    assert first.fingerprint == second.fingerprint
    assert first.default_split == (("b",), ("a",))
    assert second.load_image(1).getpixel((0, 0)) == (147, 147, 147)
    assert cached_counts("toy") == (4, 2)
    assert cached_counts("nothing") is None


def truncate(folder: Path) -> None:
    path = folder / "images.npy"
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_pixel(folder: Path) -> None:
    path = folder / "images.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def no_images(folder: Path) -> None:
    (folder / "images.npy").unlink()


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def torn_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:50])


def edited_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["classes"][0] = "b"
    path.write_text(json.dumps(manifest))


def list_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


@pytest.mark.parametrize(
    "spoil",
    [
        truncate,
        flip_a_pixel,
        no_images,
        no_manifest,
        torn_manifest,
        edited_manifest,
        list_manifest,
    ],
)
def test_a_damaged_cache_is_made_again(spoil: Callable[[Path], None]) -> None:
    renderer = Renderer()
    first = rendered_dataset(RECIPE, CARD, renderer)
    spoil(cache_folder(RECIPE))
    second = rendered_dataset(RECIPE, CARD, renderer)
    assert renderer.calls == 2
    assert second.fingerprint == first.fingerprint
    assert second.load_image(3).getpixel((0, 0)) == first.load_image(3).getpixel((0, 0))
    rendered_dataset(RECIPE, CARD, renderer)
    assert renderer.calls == 2


@pytest.mark.parametrize(
    "other", [replace(RECIPE, number=2), replace(RECIPE, versions={"tool": "1.1"})]
)
def test_other_versions_are_rendered_anew(other: Recipe) -> None:
    renderer = Renderer()
    rendered_dataset(RECIPE, CARD, renderer)
    rendered_dataset(other, CARD, renderer)
    assert renderer.calls == 2
    assert cache_folder(RECIPE) != cache_folder(other)


def test_a_failing_renderer_leaves_no_cache() -> None:
    def fail() -> Rendered:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        rendered_dataset(RECIPE, CARD, fail)
    renderer = Renderer()
    rendered_dataset(RECIPE, CARD, renderer)
    assert renderer.calls == 1


def test_rendering_at_the_same_time() -> None:
    with ThreadPoolExecutor(8) as pool:
        datasets = list(pool.map(lambda _: rendered_dataset(RECIPE, CARD, Renderer()), range(8)))
    assert len({dataset.fingerprint for dataset in datasets}) == 1
    folder = cache_folder(RECIPE)
    assert sorted(path.name for path in folder.iterdir()) == ["images.npy", "manifest.json"]


def test_halves_are_by_order() -> None:
    assert halves(["c", "a", "b"]) == (("a", "c"), ("b",))
