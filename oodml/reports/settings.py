"""The settings of a results table: what a table can be about."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint


@dataclass(frozen=True)
class Setting:
    """A data set seen through a backbone along a ladder, by the results' id."""

    id: str
    dataset: str
    ladder: str
    backbone: str

    @property
    def title(self) -> str:
        return f"{self.dataset}, ladder {self.ladder}, backbone {self.backbone}"


def settings_of(results: pd.DataFrame) -> list[Setting]:
    """The settings of a results table, in the order in which they first stand there."""
    first = results.drop_duplicates("setting")
    return [
        Setting(str(row.setting), str(row.dataset), str(row.ladder), str(row.backbone))
        for row in first.itertuples()
    ]


def one_setting(results: pd.DataFrame, setting: str | None) -> str:
    """The id of the setting meant: ``setting``, or the only one there is.

    Raises:
        UsageError: no such setting, or several and none named.
    """
    known = [one.id for one in settings_of(results)]
    if setting is None and len(known) == 1:
        return known[0]
    if setting is None:
        raise UsageError(
            f"results of {len(known)} settings do not share a table; choose one: {', '.join(known)}"
        )
    if setting not in known:
        raise UsageError(f"setting {setting!r} is not in the results; {name_hint(setting, known)}")
    return setting
