"""Four 3 x 3 convolutions on 28 x 28 drawings: the small trunk of the few-shot literature.

Adapted Deep Embeddings (Scott et al., NeurIPS 2018) uses [conv3x3-32 BN ReLU pool2] blocks;
this is the four-block form, trained from scratch. Its initial weights are drawn from a fixed
seed, so that untrained features are the same everywhere with the same torch version.
"""

from __future__ import annotations

import torch
from torch import nn

from oodml.features.preprocessing import Preprocessing
from oodml.features.registry import Backbone, register_backbone

_WIDTH = 32


def _block(inputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, _WIDTH, 3, padding=1),
        nn.BatchNorm2d(_WIDTH),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
    )


@register_backbone("conv4")
def conv4() -> Backbone:
    """128 features of a 28 x 28 grey image; no pretraining."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blocks = [_block(1), _block(_WIDTH), _block(_WIDTH), _block(_WIDTH)]
    module = nn.Sequential(*blocks, nn.Flatten()).eval()  # 28 -> 14 -> 7 -> 4 -> 2
    preprocessing = Preprocessing(
        size=28,
        resize=28,
        interpolation="bilinear",
        mean=(0.0,),
        std=(1.0,),
        channels="L",
        invert=True,
    )
    return Backbone("conv4", module, _WIDTH * 2 * 2, preprocessing, "none")
