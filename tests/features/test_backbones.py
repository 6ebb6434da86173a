from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from oodml._bootstrap import import_torchvision
from oodml.features.backbones.efficientnet_lite0 import classifier_network
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import create_backbone, list_backbones, state_sha256


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
    from oodml.features.backbones.timm_hub import import_timm

    timm = import_timm()
    original = timm.create_model

    def without_weights(name: str, pretrained: bool, **arguments: object) -> torch.nn.Module:
        assert pretrained, "users get pretrained weights"
        return original(name, pretrained=False, **arguments)

    monkeypatch.setattr(timm, "create_model", without_weights)
    backbone = create_backbone("resnet18.tv_in1k")
    assert backbone.name == "resnet18.tv_in1k"
    assert backbone.dim == 512
    assert backbone.preprocessing is not None
    assert backbone.preprocessing.mean == pytest.approx((0.485, 0.456, 0.406))
    assert (backbone.preprocessing.size, backbone.preprocessing.resize) == (224, 256)
    with torch.inference_mode():
        assert backbone.module(torch.zeros(1, 3, 64, 64)).shape == (1, 512)


def test_weights_that_cannot_be_loaded_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from oodml.core.errors import OodmlError
    from oodml.features.backbones.timm_hub import import_timm

    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to the hub")

    monkeypatch.setattr(import_timm(), "create_model", offline)
    with pytest.raises(OodmlError, match=r"'resnet18.tv_in1k': its weights could not be loaded"):
        create_backbone("resnet18.tv_in1k")
