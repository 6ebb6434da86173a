"""Data sets by name, wherever they come from."""

from __future__ import annotations

from oodml.core.errors import OodmlError, UsageError
from oodml.core.values import shown
from oodml.datasets.added import load_added
from oodml.datasets.base import ClassDataset
from oodml.datasets.records import added_names, added_record
from oodml.datasets.registry import BuiltIn, builtin_datasets, dataset_kinds


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
        return load_added(name)  # which reads the record, that may be large, once
    check_dataset(name)
    return builtin_datasets().get(name).load()


def check_dataset(name: str) -> None:
    """Raise what ``load_dataset`` would for a name; nothing is rendered and no file of it is read."""
    if name in added_names():
        added_record(name)
    elif name in builtin_datasets():
        _installed(name)
    elif name in dataset_kinds():
        how = dataset_kinds().get(name).how_to_add
        raise UsageError(f"data set {name!r} is not on this machine yet; add it: {how}")
    else:
        hint = builtin_datasets().hint(str(name), list_datasets(), also=dataset_kinds().names())
        raise UsageError(f"unknown data set {shown(name)}; {hint}; `oodml data add` adds your own")


def holds_vectors(name: str) -> bool | None:
    """Whether the items of a known data set are vectors, not images; None where only it can tell."""
    if name not in added_names():
        own = builtin_datasets().get(name).load.__module__.startswith("oodml.")
        return False if own else None  # what oodml has itself is rendered
    return dataset_kinds().get(added_record(name)["kind"]).takes == "table"


def _installed(name: str) -> BuiltIn:
    builtin = builtin_datasets().get(name)
    if not builtin.installed():
        raise OodmlError(
            f"data set {name!r} needs further packages; run: pip install 'oodml[{builtin.extra}]'"
        )
    return builtin
