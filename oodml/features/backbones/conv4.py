"""Four 3 x 3 convolutions on 28 x 28 drawings: the small trunk of the few-shot literature.

Adapted Deep Embeddings (Scott et al., NeurIPS 2018) uses [conv3x3-32 BN ReLU pool2] blocks;
this is the four-block form, trained from scratch. Its initial weights are drawn from a fixed
seed, so that untrained features are the same everywhere with the same torch version.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oodml.features.backbone import Backbone
from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import register_backbone

_WIDTH = 32


class Conv4(nn.Sequential):
    """Four blocks, then all that is left of the image as one row: 28 -> 14 -> 7 -> 4 -> 2."""

    def __init__(self) -> None:
        blocks = [_block(1), *(_block(_WIDTH) for _ in range(3))]
        super().__init__(*blocks, nn.Flatten())

    def forward_features(self, images: Tensor) -> Tensor:
        """float32 [B, 1, 28, 28] -> feature maps [B, 32, 2, 2]."""
        maps = images
        for block in list(self)[:-1]:
            maps = block(maps)
        return maps

    def forward_head(self, maps: Tensor, pre_logits: bool = True) -> Tensor:
        """Feature maps -> features [B, 128]; there is no classifier, whatever ``pre_logits``."""
        features: Tensor = self[-1](maps)
        return features


def _block(inputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, _WIDTH, 3, padding=1),
        nn.BatchNorm2d(_WIDTH),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
    )


def _build() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Conv4().eval()


@register_backbone("conv4")
def conv4() -> Backbone:
    """128 features of a 28 x 28 grey image; no pretraining."""
    preprocessing = Preprocessing(
        size=28,
        resize=28,
        interpolation="bilinear",
        mean=(0.0,),
        std=(1.0,),
        channels="L",
        invert=True,
    )
    return Backbone("conv4", _WIDTH * 2 * 2, preprocessing, "none", _build)
