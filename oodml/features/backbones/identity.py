"""No network: data sets that are given as vectors keep them as features."""

from __future__ import annotations

from torch import nn

from oodml.features.backbone import Backbone
from oodml.features.registry import register_backbone


@register_backbone("identity")
def identity() -> Backbone:
    """Given vectors as they are; ``dim`` 0 means "that of the data set"."""
    return Backbone(
        name="identity",
        dim=0,
        preprocessing=None,
        pretraining="unknown (vectors given by the user)",
        build=nn.Identity,
    )
