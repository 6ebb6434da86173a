"""Recipes of training views: what the papers' own transforms do, from one generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.datasets.image_files import images_below
from oodml.features.preprocessing import BN_INCEPTION, Preprocessing
from oodml.training import AugmentedImages, Feed, TrainingSettings
from oodml.training.augmentation import augmentation_of, create_augmentation, list_augmentations
from oodml.training.random_views import jittered, random_box, random_box_at, turned

PREPROCESSING = Preprocessing(32, 36, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def picture(size: tuple[int, int] = (61, 47), seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BOX)


@pytest.fixture
def dataset(tmp_path: Path):
    for number in range(6):
        picture((50 + number, 60), number).save(tmp_path / f"{number}.png")
    return images_below(tmp_path, "noise")


@pytest.mark.parametrize("name", list_augmentations())
@pytest.mark.parametrize("size", [(61, 47), (32, 32), (9, 300), (5, 5)])
def test_a_view_is_an_rgb_square_and_a_function_of_the_generator(
    name: str, size: tuple[int, int]
) -> None:
    image, recipe = picture(size), create_augmentation(name)
    before = image.tobytes()
    one, two, other = (
        recipe.view(image, PREPROCESSING, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert one.size == (32, 32)
    assert one.mode == "RGB"
    assert one.tobytes() == two.tobytes()
    assert image.tobytes() == before
    if size == (61, 47):
        assert (one.tobytes() != other.tobytes()) == recipe.varies


def test_the_default_gives_the_batches_it_always_gave(dataset) -> None:
    """Written out once more, as it stood before there were recipes."""

    def old_view(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
        width, height = image.size
        area = width * height * rng.uniform(0.16, 1.0)
        ratio = float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        while not (0 < w <= width and 0 < h <= height):
            area = width * height * rng.uniform(0.16, 1.0)
            ratio = float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
            w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        view = image.resize((32, 32), Image.Resampling.BILINEAR, (left, top, left + w, top + h))
        if rng.random() < 0.5:
            view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = np.ascontiguousarray(np.asarray(view).transpose(2, 0, 1)).astype(np.float32) / 255
        pixels -= np.array(PREPROCESSING.mean, np.float32)[:, None, None]
        return pixels / np.array(PREPROCESSING.std, np.float32)[:, None, None]

    source = AugmentedImages(dataset, PREPROCESSING, augmentation_of(TrainingSettings()))
    indices = np.array([3, 0, 0, 5])
    wanted = [
        old_view(
            dataset.load_image(int(index)),
            np.random.default_rng(derived_seed("augmentation", 11, place)),
        )
        for place, index in enumerate(indices)
    ]
    assert torch.equal(source.training_batch(indices, 11), torch.from_numpy(np.stack(wanted)))


def test_evaluation_views_are_the_preprocessing_s(dataset) -> None:
    source = AugmentedImages(dataset, PREPROCESSING, create_augmentation("simclr"))
    (found,) = source.evaluation_batches(np.arange(6))
    wanted = np.stack([PREPROCESSING.evaluation_view(dataset.load_image(i)) for i in range(6)])
    assert torch.equal(found, torch.from_numpy(wanted))


def test_crops_have_the_declared_share_and_ratio() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([random_box((400, 300), 0.16, rng) for _ in range(4000)])
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= 400
    assert boxes[:, 3].max() <= 300
    share = wide * high / (400 * 300)
    assert 0.155 < share.min() < 0.18
    assert share.max() > 0.95
    assert 0.74 < (wide / high).min() < 0.76
    assert 1.32 < (wide / high).max() < 1.35


def test_sec_s_crop_of_a_resized_image_is_the_papers() -> None:
    """Drawn on the short side of 256: of an image that has it, torchvision's own crop."""
    image = picture((300, 256))
    preprocessing = Preprocessing(227, 256, "bilinear", (0.0,) * 3, (1.0,) * 3)
    view = create_augmentation("sec", flip=False).view(
        image, preprocessing, np.random.default_rng(5)
    )
    box = random_box(image.size, 0.16, np.random.default_rng(5))
    assert view == image.resize((227, 227), Image.Resampling.BILINEAR, box)
    larger = random_box_at((600, 512), 256, 0.16, np.random.default_rng(5))
    assert larger == tuple(2 * side for side in box)


def test_jitter_turns_hue_and_scales_channels() -> None:
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    assert turned(red, 0.0).getpixel((0, 0)) == (255, 0, 0)
    assert turned(red, 1 / 3).getpixel((0, 0)) == (0, 255, 0)
    half = jittered(
        Image.new("RGB", (2, 2), (100, 100, 100)), np.random.default_rng(0), 0.5, 0, 0, 0
    )
    factor = np.random.default_rng(0).uniform(0.5, 1.5)
    assert abs(half.getpixel((0, 0))[0] - 100 * factor) <= 1
    assert jittered(red, np.random.default_rng(0), 0, 0, 0, 0) == red


def test_settings_name_the_recipe() -> None:
    assert augmentation_of(TrainingSettings()).parameters == {"min_crop": 0.16, "flip": True}
    assert augmentation_of(TrainingSettings(min_crop=0.5, flip=False)).min_crop == 0.5
    oodml = TrainingSettings(augmentation="oodml", augmentation_options={"flip": False})
    assert augmentation_of(oodml).parameters == {"min_crop": 0.08, "flip": False}
    with pytest.raises(ValueError, match="belongs to augmentation 'random-resized-crop'"):
        TrainingSettings(augmentation="oodml", min_crop=0.5)
    with pytest.raises(UsageError, match=r"give training\.min_crop"):
        augmentation_of(TrainingSettings(augmentation_options={"min_crop": 0.5}))
    with pytest.raises(UsageError, match="did you mean oodml"):
        augmentation_of(TrainingSettings(augmentation="oodlm"))
    with pytest.raises(UsageError, match="has no option 'crop'"):
        augmentation_of(TrainingSettings(augmentation="sec", augmentation_options={"crop": 1}))


def test_two_views_need_views_that_differ(dataset) -> None:
    from oodml.methods.batch_rule import create_batch_rule

    labels = np.arange(6) % 2
    rule = create_batch_rule("two-views")
    plain = AugmentedImages(dataset, PREPROCESSING, create_augmentation("none"))
    with pytest.raises(UsageError, match="augmentation other than"):
        Feed(plain, np.arange(6), labels, rule, 4, 0)
    views = AugmentedImages(dataset, PREPROCESSING, create_augmentation("simclr"))
    batch = Feed(views, np.arange(6), labels, rule, 4, 0).batch(0)
    assert batch.items[:2].equal(batch.items[2:])
    assert not torch.equal(batch.inputs[:2], batch.inputs[2:])


def test_bn_inception_sees_blue_first_without_the_mean_pixel() -> None:
    view = BN_INCEPTION.evaluation_view(Image.new("RGB", (300, 280), (130, 120, 110)))
    assert view.shape == (3, 227, 227)
    np.testing.assert_allclose(view[:, 0, 0], [110 - 104, 120 - 117, 130 - 123], atol=1e-4)
