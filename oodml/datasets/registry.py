"""What registers itself: built-in data sets, and the layouts of files that can be added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from oodml.core.registry import Registry
from oodml.datasets.base import ClassDataset
from oodml.datasets.layouts.kind import Kind

Loader = Callable[[], ClassDataset]


@dataclass(frozen=True)
class BuiltIn:
    """A data set that needs no files from the user; ``modules`` are what its extra installs."""

    load: Loader
    extra: str | None
    modules: tuple[str, ...]

    def installed(self) -> bool:
        return all(find_spec(module) is not None for module in self.modules)


_datasets: Registry[BuiltIn] = Registry(
    "data set", "datasets", packages=("oodml.datasets.rendered",)
)
_kinds: Registry[Kind] = Registry(
    "kind of data set", "dataset_kinds", packages=("oodml.datasets.layouts",)
)


def register_dataset(
    name: str, *, extra: str | None = None, modules: tuple[str, ...] = ()
) -> Callable[[Loader], Loader]:
    """Decorator for a function without arguments that returns the ClassDataset called ``name``.

    Args:
        name: lower-case letters, digits, ``- _ .``.
        extra: the extra of oodml that installs what it needs (``pip install "oodml[extra]"``).
        modules: import names of what that extra installs.
    """

    def add(load: Loader) -> Loader:
        _datasets.register(name)(BuiltIn(load, extra, modules))
        return load

    return add


def register_kind(name: str) -> Callable[[type[Kind]], type[Kind]]:
    """Decorator for a Kind class: a layout of files that ``oodml data add`` can read."""

    def add(kind: type[Kind]) -> type[Kind]:
        _kinds.register(name)(kind(name))
        return kind

    return add


def builtin_datasets() -> Registry[BuiltIn]:
    """The data sets that need nothing from the user, a file each in ``datasets/rendered``."""
    return _datasets


def dataset_kinds() -> Registry[Kind]:
    """The layouts of files users can add, a file each in ``datasets/layouts``."""
    return _kinds
