"""The small networks of Adapted Deep Embeddings (Scott et al., NeurIPS 2018), without the last layer.

The embedding layer (128 columns, 64 for Isolet) is the method's head, as everywhere in oodml. The
``-no-bn`` forms are those of the released histogram-loss code, which lacks batch norm; the paper's
own histogram results had it. Initial weights are drawn from a fixed seed with torch's defaults,
so that untrained features are the same everywhere; training setting ``initialisation`` draws
others for every cell.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from oodml.features.backbone import Backbone
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import register_backbone

_WIDTH = 32
ISOLET_FEATURES = 617


class CentredBatchNorm(nn.BatchNorm2d):
    """Batch norm with a bias and without a scale; epsilon 1e-5.

    The paper's momentum of 0.1 is TensorFlow's, the share of the OLD statistics that stays, which
    torch calls 0.9.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5, momentum=0.9)
        self.register_parameter("weight", None)

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        nn.init.zeros_(self.bias)


class SmallNetwork(nn.Sequential):
    """Convolutions and what stands between them, then all that is left of the image as one row."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers, nn.Flatten())

    def forward_features(self, images: Tensor) -> Tensor:
        """float32 [B, C, H, W] -> feature maps [B, 32, h, w]."""
        maps = images
        for layer in list(self)[:-1]:
            maps = layer(maps)
        return maps

    def forward_head(self, maps: Tensor, pre_logits: bool = True) -> Tensor:
        """Feature maps -> features [B, 32 h w]; there is no classifier."""
        features: Tensor = self[-1](maps)
        return features


def _mnist() -> nn.Module:
    first, second = nn.Conv2d(1, _WIDTH, 3, padding=1), nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
    return SmallNetwork(first, nn.ReLU(), second, nn.ReLU(), nn.MaxPool2d(2))


def _isolet() -> nn.Module:
    return nn.Sequential(nn.Linear(ISOLET_FEATURES, 128), nn.ReLU())


def _blocks(channels: int, pooled: int, norm: bool) -> nn.Module:
    """``pooled`` blocks with pooling, and one without."""
    layers: list[nn.Module] = []
    for number in range(pooled + 1):
        layers.append(nn.Conv2d(_WIDTH if number else channels, _WIDTH, 3, padding=1))
        if norm:
            layers.append(CentredBatchNorm(_WIDTH))
        layers.append(nn.ReLU())
        if number < pooled:
            layers.append(nn.MaxPool2d(2))
    return SmallNetwork(*layers)


def _seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().eval()


def _images(size: int, channels: str, *, invert: bool = False) -> Preprocessing:
    count = len(channels)
    return Preprocessing(
        size, size, "bilinear", (0.0,) * count, (1.0,) * count, channels=channels, invert=invert
    )


@register_backbone("adapted-mnist")
def adapted_mnist() -> Backbone:
    """28 x 28 grey: two 3x3 convolutions and one pooling, 6,272 features; no pretraining."""
    return Backbone(
        "adapted-mnist", _WIDTH * 14 * 14, _images(28, "L"), "none", lambda: _seeded(_mnist)
    )


@register_backbone("adapted-isolet")
def adapted_isolet() -> Backbone:
    """617 numbers of a spoken letter: one layer of 128 rectified units; no pretraining."""
    return Backbone(
        "adapted-isolet", 128, None, "none", lambda: _seeded(_isolet), inputs=ISOLET_FEATURES
    )


def _omniglot(name: str, norm: bool) -> Backbone:
    view = _images(28, "L", invert=True)
    return Backbone(
        name, _WIDTH * 7 * 7, view, "none", lambda: _seeded(lambda: _blocks(1, 2, norm))
    )


@register_backbone("adapted-omniglot")
def adapted_omniglot() -> Backbone:
    """28 x 28 drawings, ink 1: three 3x3 convolutions with batch norm, 1,568 features."""
    return _omniglot("adapted-omniglot", True)


@register_backbone("adapted-omniglot-no-bn")
def adapted_omniglot_no_bn() -> Backbone:
    """``adapted-omniglot`` without batch norm, as the released histogram-loss code has it."""
    return _omniglot("adapted-omniglot-no-bn", False)


def _tiny_imagenet(name: str, norm: bool) -> Backbone:
    return Backbone(
        name,
        _WIDTH * 8 * 8,
        _images(64, "RGB"),
        "none",
        lambda: _seeded(lambda: _blocks(3, 3, norm)),
    )


@register_backbone("adapted-tiny-imagenet")
def adapted_tiny_imagenet() -> Backbone:
    """64 x 64 colour: four 3x3 convolutions with batch norm, 2,048 features."""
    return _tiny_imagenet("adapted-tiny-imagenet", True)


@register_backbone("adapted-tiny-imagenet-no-bn")
def adapted_tiny_imagenet_no_bn() -> Backbone:
    """``adapted-tiny-imagenet`` without batch norm, as the released histogram-loss code has it."""
    return _tiny_imagenet("adapted-tiny-imagenet-no-bn", False)
