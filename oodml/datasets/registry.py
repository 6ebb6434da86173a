"""Which data sets there are, and how they are loaded by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from oodml.core.errors import OodmlError, UsageError
from oodml.core.registry import Registry
from oodml.datasets.base import ClassDataset

if TYPE_CHECKING:
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
    """The data sets that need nothing from the user, all modules of this folder imported."""
    return _datasets


def dataset_kinds() -> Registry[Kind]:
    """The layouts of files users can add, all modules of this folder imported."""
    return _kinds


def list_datasets() -> list[str]:
    """Names that ``load_dataset`` knows: built in, or added by ``oodml data add``."""
    from oodml.datasets.added import added_names

    return sorted({*builtin_datasets().names(), *added_names()})


def load_dataset(name: str) -> ClassDataset:
    """The data set called ``name``: a built-in one, or one added by ``oodml data add``.

    Raises:
        UsageError: no such data set (near names are given), or one that must be added first.
        DataError: files of an added data set are missing or changed.
        OodmlError: an optional package is missing; the message says how to install it.
    """
    from oodml.datasets.added import added_names, load_added

    if name in added_names():
        return load_added(name)
    if name in builtin_datasets():
        return _load_builtin(name)
    if name in dataset_kinds():
        hint = dataset_kinds().get(name).how_to_add
        raise UsageError(f"data set {name!r} is not on this machine yet; add it: {hint}")
    known = list_datasets()
    near = difflib.get_close_matches(name, [*known, *dataset_kinds().names()], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f"unknown data set {name!r}; {hint}; `oodml data add` adds your own")


def _load_builtin(name: str) -> ClassDataset:
    builtin = builtin_datasets().get(name)
    if not builtin.installed():
        raise OodmlError(
            f"data set {name!r} needs further packages; run: pip install 'oodml[{builtin.extra}]'"
        )
    return builtin.load()
