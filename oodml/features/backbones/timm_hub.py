"""Any pretrained timm model by ``arch.tag``, with its own preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oodml._bootstrap import import_torchvision
from oodml.core.errors import OodmlError
from oodml.features.preprocessing import Preprocessing

if TYPE_CHECKING:
    from oodml.features.registry import Backbone


def import_timm() -> Any:
    """timm, after the torchvision it imports has been made importable."""
    import_torchvision()
    import timm

    return timm


def known_to_timm(name: str) -> bool:
    timm = import_timm()
    return bool(timm.is_model(name.split(".")[0]))


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


def create_timm_backbone(name: str) -> Backbone:
    """timm model with its classifier removed: pooled features [B, num_features]."""
    from oodml.features.registry import Backbone

    timm = import_timm()
    try:
        module = timm.create_model(name, pretrained=True, num_classes=0).eval()
    except Exception as error:  # hub, network and name errors have no common base
        raise OodmlError(
            f"backbone {name!r}: its weights could not be loaded ({type(error).__name__}: {error}); "
            "check the name with timm.list_pretrained() and that the hub can be reached or is cached"
        ) from error
    config = module.pretrained_cfg
    tag = config.get("tag") or "untagged"
    full_name = name if "." in name else f"{name}.{tag}"
    return Backbone(full_name, module, module.num_features, timm_preprocessing(config), tag)
