"""Named things users can add to: methods, data sets, measures, metrics, tasks, executors, ..."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.core.names import check_plain_name
from oodml.core.values import shown

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """A dictionary of named entries that refuses duplicates and suggests near names.

    oodml's own entries stand one a file in ``packages``; all of their modules (and those of
    packages inside) are imported the first time anything is looked up, so that adding an entry
    touches no other file. Third-party packages add entries by an entry point in the group
    ``oodml.<plural>``; it is loaded when a name is not known without, or all names are asked for.

    Args:
        kind: what an entry is, for messages.
        plural: for the entry-point group; default ``kind`` with an s, spaces as ``_``.
        packages: dotted names of the packages whose modules register entries.
    """

    def __init__(self, kind: str, plural: str | None = None, *, packages: tuple[str, ...] = ()):
        self.kind = kind
        self.entry_point_group = f"oodml.{(plural or kind + 's').replace(' ', '_')}"
        self._packages = packages
        self._entries: dict[str, T] = {}
        self._discovered = False
        self._entry_points_loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: add the decorated object under ``name``.

        Raises:
            UsageError: the name is taken or is not lower-case kebab-case / snake_case.
        """
        check_plain_name(self.kind, name)

        def add(entry: T) -> T:
            if not self._is_own(entry):
                self._discover()  # so that a name oodml has itself is refused here, not later
            if name in self._entries:
                raise UsageError(f"{self.kind} {name!r} is registered already; pick another name")
            self._entries[name] = entry
            return entry

        return add

    def register_class(self, name: str) -> Callable[[C], C]:
        """Class decorator: ``register``, and the class learns the name it has (``cls.name``)."""
        add = self.register(name)

        def named(entry: C) -> C:
            add(entry)  # type: ignore[arg-type]  # C is a class of what T stands for
            entry.name = name  # type: ignore[attr-defined]
            return entry

        return named

    def get(self, name: str) -> T:
        """The entry called ``name``; raises UsageError with near names when there is none."""
        if not isinstance(name, str) or name not in self:
            hint = name_hint(str(name), self._entries)
            raise UsageError(f"unknown {self.kind} {shown(name)}; {hint}")
        return self._entries[name]

    def names(self) -> list[str]:
        """All names, sorted, third-party ones included."""
        self._discover()
        self._load_entry_points()
        return sorted(self._entries)

    def items(self) -> Iterator[tuple[str, T]]:
        for name in self.names():
            yield name, self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        if name not in self._entries:
            self._load_entry_points()
        return name in self._entries

    def _is_own(self, entry: T) -> bool:
        module = str(getattr(entry, "__module__", ""))
        return any(module.startswith(f"{package}.") for package in self._packages)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True  # first: a module that looks something up must not start over
        try:
            for package in self._packages:
                _import_all(package)
        except BaseException:
            self._discovered = False
            raise

    def _load_entry_points(self) -> None:
        if self._entry_points_loaded:
            return
        self._entry_points_loaded = True
        for point in entry_points(group=self.entry_point_group):
            point.load()  # importing the module runs its decorators


def _import_all(package: str) -> None:
    found = importlib.import_module(package)
    for module in pkgutil.iter_modules(found.__path__):
        name = f"{package}.{module.name}"
        if module.ispkg:
            _import_all(name)
        else:
            importlib.import_module(name)
