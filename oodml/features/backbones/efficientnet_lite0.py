"""EfficientNet-Lite0, 224 px: the default, and all of its weights come with oodml."""

from __future__ import annotations

from oodml.features.backbone import Backbone
from oodml.features.backbones.lite_weights import LiteWeights
from oodml.features.registry import register_backbone

WEIGHTS = LiteWeights(
    number=0,
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    install="install oodml again",
)


@register_backbone("tf_efficientnet_lite0")
def tf_efficientnet_lite0() -> Backbone:
    """1,280 pooled features; ImageNet-1k supervised; 224 px."""
    return WEIGHTS.backbone()
