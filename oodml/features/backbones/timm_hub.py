"""Any pretrained timm model by ``arch.tag``, with its own preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from oodml._bootstrap import import_torchvision
from oodml.core.errors import OodmlError, UsageError
from oodml.core.hints import name_hint
from oodml.features.backbone import Backbone
from oodml.features.preprocessing import Preprocessing


def import_timm() -> Any:
    """timm, after the torchvision it imports has been made importable."""
    import_torchvision()
    import timm

    return timm


def known_to_timm(name: str) -> bool:
    """Whether timm has the architecture in front of the dot."""
    return bool(import_timm().is_model(name.split(".")[0]))


def timm_backbone(
    name: str, *, pretraining: str | None = None, build: Callable[[], nn.Module] | None = None
) -> Backbone:
    """A timm architecture with its classifier removed: pooled features [B, dim].

    Name, preprocessing and length of the features come from timm's own description of the model;
    no weights are read until it is built.

    Args:
        name: ``arch.tag``; without a tag timm's default one.
        pretraining: what the weights saw; default the tag.
        build: makes the network; default timm's, with weights from its hub. ``name`` then stays as
            it is given.

    Raises:
        UsageError: the architecture has no such tag.
    """
    timm = import_timm()
    try:
        config = timm.get_pretrained_cfg(name).to_dict()
    except RuntimeError:
        architecture, _, tag = name.partition(".")
        tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
        hint = name_hint(tag, tags, none="it has no weights")
        raise UsageError(f"backbone {name!r}: timm has no tag {tag!r} of it; {hint}") from None
    tag = config.get("tag") or "untagged"
    return Backbone(
        name=name if "." in name or build else f"{name}.{tag}",
        dim=_feature_length(name),
        preprocessing=timm_preprocessing(config),
        pretraining=pretraining or tag,
        build=build or partial(_with_hub_weights, name),
    )


def timm_preprocessing(pretrained_cfg: dict[str, Any]) -> Preprocessing:
    """timm's evaluation preprocessing (``default_cfg``) as a Preprocessing."""
    size = int(pretrained_cfg["input_size"][-1])
    return Preprocessing(
        size=size,
        resize=int(size / float(pretrained_cfg.get("crop_pct") or 0.875)),
        interpolation=str(pretrained_cfg.get("interpolation") or "bicubic"),
        mean=tuple(pretrained_cfg["mean"]),
        std=tuple(pretrained_cfg["std"]),
    )


def _feature_length(name: str) -> int:
    """Length of the pooled features: the architecture is laid out without memory for its weights.

    Where a hidden layer stands between pooling and classifier (MobileNetV3, VGG) it is the length
    of that layer, which ``num_features`` is not.
    """
    create = import_timm().create_model
    try:
        with torch.device("meta"):
            module = create(name, pretrained=False, num_classes=0)
    except (RuntimeError, NotImplementedError):  # some architectures compute while they are made
        module = create(name, pretrained=False, num_classes=0)
    return int(getattr(module, "head_hidden_size", None) or module.num_features)


def _with_hub_weights(name: str) -> nn.Module:
    try:
        module: nn.Module = import_timm().create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # hub, network and name errors have no common base
        raise OodmlError(
            f"backbone {name!r}: its weights could not be loaded ({type(error).__name__}: {error}); "
            "check the name with timm.list_pretrained() and that the hub can be reached or is cached"
        ) from error
    return module.eval()
