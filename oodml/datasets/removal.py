"""Forgetting an added data set, and freeing what was unpacked for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from oodml.core.disk_errors import clear_disk_errors
from oodml.core.errors import OodmlError, UsageError
from oodml.core.hints import name_hint
from oodml.core.sizes import bytes_below
from oodml.core.workspaces import workspace
from oodml.datasets.records import added_names, added_record, data_folder
from oodml.datasets.registry import builtin_datasets


@dataclass(frozen=True)
class Removal:
    """What removing a data set does.

    Attributes:
        name: the data set.
        folder: what is deleted: its record and what was unpacked.
        bytes: size of that.
        stays: the user's own folder or table, which is never touched; None where archives had been
            unpacked, or the record is damaged.
    """

    name: str
    folder: Path
    bytes: int
    stays: str | None


def plan_removal(name: str) -> Removal:
    """What ``remove_added`` would do; UsageError when ``name`` was not added."""
    if name not in added_names():
        if name in builtin_datasets():
            raise UsageError(
                f"{name!r} is built in and cannot be removed; `oodml cache clean --dataset {name}` "
                "frees what was rendered"
            )
        raise UsageError(f"no data set {name!r} was added; {name_hint(name, added_names())}")
    folder = data_folder() / name
    try:
        stays = added_record(name)["source"]
    except OodmlError:  # a damaged record must not keep its files here for ever
        stays = None
    return Removal(name, folder, bytes_below(folder), stays)


def remove_added(name: str) -> Removal:
    """Delete the record of an added data set and what was unpacked; nothing outside oodml's home.

    Raises:
        UsageError: ``name`` was not added.
        OodmlError: the folder cannot be written.
    """
    removal = plan_removal(name)
    # Out of sight at once, then deleted: a kill in between leaves nothing that looks added.
    with (
        clear_disk_errors(f"removing {name!r}", removal.folder),
        workspace(data_folder(), name) as temporary,
    ):
        os.rename(removal.folder, temporary / name)
    return removal
