"""Backbones by name: built-in ones, third-party ones, and any timm ``arch.tag``."""

from __future__ import annotations

from collections.abc import Callable

from oodml.core.code import code_ids
from oodml.core.errors import UsageError
from oodml.core.registry import Registry
from oodml.features.backbone import Backbone
from oodml.features.backbones.timm_hub import known_to_timm, timm_backbone

DEFAULT_BACKBONE = "tf_efficientnet_lite0"

BackboneFactory = Callable[[], Backbone]
_registry: Registry[BackboneFactory] = Registry(
    "backbone", packages=("oodml.features.backbones",), functions=True
)


def register_backbone(name: str) -> Callable[[BackboneFactory], BackboneFactory]:
    """Decorator for a function without arguments that returns the Backbone called ``name``."""
    return _registry.register(name)


def create_backbone(name: str) -> Backbone:
    """A backbone's recipe: of a registered name, else of timm's ``arch.tag`` with hub weights.

    Nothing is built and no weights are read; ``Backbone.module`` does that.

    Raises:
        UsageError: neither registered nor known to timm.
    """
    if name in _registry:
        return _registry.get(name)()
    if known_to_timm(name):
        return timm_backbone(name)
    try:
        return _registry.get(name)()  # raises with near names
    except UsageError as error:
        raise UsageError(
            f"{error}; timm knows no such model either (timm.list_pretrained())"
        ) from None


def backbone_code(name: str) -> dict[str, str]:
    """``code_ids`` of a registered backbone that is not oodml's own; {} for others."""
    return code_ids([_registry.get(name)]) if name in _registry else {}


def check_backbone_name(name: str) -> None:
    """UsageError, as of ``create_backbone``, where there is no such backbone; nothing is made."""
    if name not in _registry and not known_to_timm(name):
        create_backbone(name)


def list_backbones() -> list[str]:
    """Registered backbones; every pretrained timm ``arch.tag`` can be named besides."""
    return _registry.names()
