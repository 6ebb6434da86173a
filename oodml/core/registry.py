"""Named things users can add to: methods, data sets, shift measures, backbones, generators."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from oodml.core.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """A dictionary of named entries that refuses duplicates and suggests near names.

    Third-party packages add entries by an entry point in the group ``oodml.<plural>``; it is
    loaded the first time a name is looked up that oodml does not know itself.
    """

    def __init__(self, kind: str, plural: str | None = None) -> None:
        self.kind = kind
        self.entry_point_group = f"oodml.{plural or kind + 's'}"
        self._entries: dict[str, T] = {}
        self._entry_points_loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: add the decorated object under ``name``.

        Raises:
            UsageError: the name is taken or is not lower-case kebab-case / snake_case.
        """
        if not name or not all(c.islower() or c.isdigit() or c in "-_." for c in name):
            raise UsageError(f"{self.kind} name {name!r}: use lower-case letters, digits, - _ .")

        def add(entry: T) -> T:
            if name in self._entries:
                raise UsageError(f"{self.kind} {name!r} is registered already; pick another name")
            self._entries[name] = entry
            return entry

        return add

    def get(self, name: str) -> T:
        """The entry called ``name``; raises UsageError with near names when there is none."""
        if name not in self._entries:
            self._load_entry_points()
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=3, cutoff=0.5)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else f"known: {', '.join(self.names())}"
            )
            raise UsageError(f"unknown {self.kind} {name!r}; {hint}")
        return self._entries[name]

    def names(self) -> list[str]:
        """All names, sorted, third-party ones included."""
        self._load_entry_points()
        return sorted(self._entries)

    def items(self) -> Iterator[tuple[str, T]]:
        for name in self.names():
            yield name, self._entries[name]

    def __contains__(self, name: object) -> bool:
        if name in self._entries:
            return True
        self._load_entry_points()
        return name in self._entries

    def _load_entry_points(self) -> None:
        if self._entry_points_loaded:
            return
        self._entry_points_loaded = True
        for point in entry_points(group=self.entry_point_group):
            point.load()  # importing the module runs its decorators
