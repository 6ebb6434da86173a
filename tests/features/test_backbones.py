from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from oodml._bootstrap import import_torchvision
from oodml.core.errors import OodmlError, UsageError
from oodml.features.backbone import maps_and_features, state_sha256
from oodml.features.backbones.efficientnet_lite0 import classifier_network
from oodml.features.backbones.timm_hub import import_timm
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import create_backbone, list_backbones


@pytest.mark.parametrize(
    ("picture", "classes"),
    [("chelsea", {281, 282, 283, 284, 285}), ("coffee", {967})],  # the cats of ImageNet; espresso
)
def test_lite0_recognises_well_known_pictures(picture: str, classes: set[int]) -> None:
    data = pytest.importorskip("skimage.data")
    preprocessing = create_backbone("tf_efficientnet_lite0").preprocessing
    assert preprocessing is not None
    view = preprocessing.evaluation_view(Image.fromarray(getattr(data, picture)()))
    with torch.inference_mode():
        logits = classifier_network()(torch.from_numpy(view)[None])
    assert int(logits.argmax()) in classes


def test_lite0_features_feed_its_classifier() -> None:
    backbone = create_backbone("tf_efficientnet_lite0")
    network = classifier_network()
    batch = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        features = backbone.module(batch)
        torch.testing.assert_close(network.classifier(features), network(batch))
    assert features.shape == (2, backbone.dim)


def test_backbones_are_the_same_each_time() -> None:
    for name in ("conv4", "tf_efficientnet_lite0"):
        assert create_backbone(name).weights_sha256() == create_backbone(name).weights_sha256()


def test_the_weights_hash_sees_one_changed_weight() -> None:
    module = torch.nn.Linear(3, 2)
    before = state_sha256(module)
    with torch.no_grad():
        module.weight[0, 0] += 1e-3
    assert state_sha256(module) != before


def test_conv4_takes_drawings() -> None:
    backbone = create_backbone("conv4")
    with torch.inference_mode():
        assert backbone.module(torch.zeros(2, 1, 28, 28)).shape == (2, backbone.dim)


def test_backbones_are_listed() -> None:
    assert {"conv4", "identity", "tf_efficientnet_lite0"} <= set(list_backbones())


def test_torchvision_imports_beside_any_torch() -> None:
    assert import_torchvision().__name__ == "torchvision"


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (97, 97), (224, 224)])
def test_the_evaluation_view_is_the_centre(size: tuple[int, int]) -> None:
    preprocessing = Preprocessing(64, 72, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    image = Image.new("RGB", size, "black")
    width, height = size
    image.paste("white", (width // 2 - 8, height // 2 - 8, width // 2 + 8, height // 2 + 8))
    view = preprocessing.evaluation_view(image)
    assert view.shape == (3, 64, 64)
    assert view.min() == pytest.approx(-1, abs=0.02)
    rows = np.flatnonzero(view[0].max(axis=1) > 0)
    assert abs(rows.mean() - 31.5) <= 1, "the white square stands in the middle"


def test_the_crop_keeps_its_share_at_another_size() -> None:
    preprocessing = Preprocessing(224, 256, "bicubic", (0.5,), (0.5,))
    assert preprocessing.at_size(112).resize == 128
    assert preprocessing.at_size(None) is preprocessing


def test_grey_inverted_and_bgr_channels() -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    bgr = Preprocessing(8, 8, "nearest", (0.0,) * 3, (1.0,) * 3, channels="BGR")
    assert bgr.evaluation_view(red)[:, 0, 0].tolist() == [0, 0, 1]
    ink = Preprocessing(8, 8, "nearest", (0.0,), (1.0,), channels="L", invert=True)
    assert ink.evaluation_view(Image.new("L", (8, 8), 255)).max() == 0


def test_any_timm_model_brings_its_own_preprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's weights are left out here; name, features and preprocessing are timm's."""
    timm = import_timm()
    original = timm.create_model

    def without_weights(name: str, pretrained: bool, **arguments: object) -> torch.nn.Module:
        asked.append(pretrained)
        return original(name, pretrained=False, **arguments)

    asked: list[bool] = []
    monkeypatch.setattr(timm, "create_model", without_weights)
    backbone = create_backbone("resnet18.tv_in1k")
    assert asked == [False], "a recipe reads no weights"
    assert backbone.name == "resnet18.tv_in1k"
    assert backbone.dim == 512
    assert backbone.preprocessing is not None
    assert backbone.preprocessing.mean == pytest.approx((0.485, 0.456, 0.406))
    assert (backbone.preprocessing.size, backbone.preprocessing.resize) == (224, 256)
    with torch.inference_mode():
        assert backbone.module(torch.zeros(1, 3, 64, 64)).shape == (1, 512)
    assert asked == [False, True], "users get pretrained weights"


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_the_length_of_the_features_is_known_before_they_are(name: str) -> None:
    """A hidden layer behind the pooling counts (MobileNetV3), and timm's default tag is named."""
    state = torch.random.get_rng_state()
    backbone = create_backbone(name)
    assert torch.equal(state, torch.random.get_rng_state()), "a recipe draws nothing"
    assert backbone.name.startswith(f"{name}.")
    network = import_timm().create_model(name, pretrained=False, num_classes=0).eval()
    assert backbone.preprocessing is not None
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, backbone.dim)


def test_weights_that_cannot_be_loaded_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = import_timm()
    original = timm.create_model

    def offline(name: str, pretrained: bool, **arguments: object) -> torch.nn.Module:
        if pretrained:
            raise OSError("no route to the hub")
        return original(name, pretrained=False, **arguments)

    monkeypatch.setattr(timm, "create_model", offline)
    backbone = create_backbone("resnet18.tv_in1k")
    with pytest.raises(OodmlError, match=r"'resnet18.tv_in1k': its weights could not be loaded"):
        backbone.weights_sha256()


def test_unknown_names_and_tags_are_refused_before_anything_is_built() -> None:
    with pytest.raises(UsageError, match=r"no tag 'tv_in1' of it; did you mean tv_in1k"):
        create_backbone("resnet18.tv_in1")
    with pytest.raises(UsageError, match=r"unknown backbone 'conv5'; did you mean conv4"):
        create_backbone("conv5")


def test_a_recipe_builds_once_for_itself_and_anew_when_told() -> None:
    backbone = create_backbone("conv4")
    assert "module" not in vars(backbone)
    assert backbone.module is backbone.module
    assert backbone.build() is not backbone.module
    assert not backbone.build().training


@pytest.mark.parametrize("name", ["conv4", "tf_efficientnet_lite0"])
def test_maps_come_with_the_same_features(name: str) -> None:
    backbone = create_backbone(name)
    assert backbone.preprocessing is not None
    channels, size = len(backbone.preprocessing.mean), 28 if name == "conv4" else 64
    images = torch.randn(3, channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, features = maps_and_features(backbone.module, images)
        assert torch.equal(features, backbone.module(images))
    assert maps.ndim == 4
    assert (maps.shape[0], features.shape) == (3, (3, backbone.dim))


def test_maps_stand_channels_first_whatever_the_network_keeps() -> None:
    create = import_timm().create_model
    swin = create("swin_tiny_patch4_window7_224", num_classes=0).eval()
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        maps, features = maps_and_features(swin, images)
        assert torch.equal(features, swin(images))
    assert maps.shape == (1, 768, 7, 7)
    tokens = create("vit_tiny_patch16_224", num_classes=0).eval()
    with pytest.raises(UsageError, match=r"backbone 'a vit' gives tokens .*, no feature maps"):
        maps_and_features(tokens, images, "a vit")
    with pytest.raises(UsageError, match="backbone 'Identity' offers no feature maps"):
        maps_and_features(create_backbone("identity").module, torch.zeros(2, 5))
