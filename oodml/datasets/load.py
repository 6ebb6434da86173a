"""Data sets by name, wherever they come from."""

from __future__ import annotations

from oodml.core.errors import OodmlError, UsageError
from oodml.datasets.added import load_added
from oodml.datasets.base import ClassDataset
from oodml.datasets.records import added_names
from oodml.datasets.registry import builtin_datasets, dataset_kinds


def list_datasets() -> list[str]:
    """Names that ``load_dataset`` knows: built in, or added by ``oodml data add``."""
    return sorted({*builtin_datasets().names(), *added_names()})


def load_dataset(name: str) -> ClassDataset:
    """The data set called ``name``: a built-in one, or one added by ``oodml data add``.

    Raises:
        UsageError: no such data set (near names are given), or one that must be added first.
        DataError: files of an added data set are missing or changed.
        OodmlError: an optional package is missing; the message says how to install it.
    """
    if name in added_names():
        return load_added(name)
    if name in builtin_datasets():
        return _load_builtin(name)
    if name in dataset_kinds():
        how = dataset_kinds().get(name).how_to_add
        raise UsageError(f"data set {name!r} is not on this machine yet; add it: {how}")
    hint = builtin_datasets().hint(name, list_datasets(), also=dataset_kinds().names())
    raise UsageError(f"unknown data set {name!r}; {hint}; `oodml data add` adds your own")


def _load_builtin(name: str) -> ClassDataset:
    builtin = builtin_datasets().get(name)
    if not builtin.installed():
        raise OodmlError(
            f"data set {name!r} needs further packages; run: pip install 'oodml[{builtin.extra}]'"
        )
    return builtin.load()
