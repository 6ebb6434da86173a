"""Named things users can add to: methods, data sets, measures, metrics, tasks, executors, ..."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Generic, TypeVar

from oodml.core.errors import UsageError
from oodml.core.failure_text import failure_text
from oodml.core.hints import name_hint
from oodml.core.modules import import_all, is_own, registering_module
from oodml.core.names import check_plain_name
from oodml.core.progress import console
from oodml.core.values import shown

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """A dictionary of named entries that refuses duplicates and suggests near names.

    oodml's own entries stand one a file in ``packages``; all of their modules (and those of
    packages inside) are imported the first time anything is looked up, so that adding an entry
    touches no other file. Third-party packages add entries by an entry point in the group
    ``oodml.<plural>``; it is loaded when a name is not known without, or all names are asked for.
    One that fails is named in a warning and passed over; a module of oodml that fails raises.

    Args:
        kind: what an entry is, for messages.
        plural: for the entry-point group; default ``kind`` with an s, spaces as ``_``.
        packages: dotted names of the packages whose modules register entries.
        base: the class that every entry is a subclass of; None for entries that are no classes.
        functions: whether entries are functions.
    """

    # A worker process leaves it to the one that started it to tell of broken packages.
    tell_broken = True
    everyone: ClassVar[weakref.WeakSet[Registry[Any]]] = weakref.WeakSet()

    def __init__(
        self,
        kind: str,
        plural: str | None = None,
        *,
        packages: tuple[str, ...] = (),
        base: type | None = None,
        functions: bool = False,
    ):
        self.kind = kind
        self.entry_point_group = f"oodml.{(plural or kind + 's').replace(' ', '_')}"
        self._packages = packages
        self._base = base
        self._functions = functions
        self._entries: dict[str, T] = {}
        self._origins: dict[str, str] = {}  # name -> module that registered it
        self._broken: dict[str, str] = {}  # entry point -> why it was passed over
        self._discovered = False
        self._entry_points_loaded = False
        self.everyone.add(self)

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: add the decorated object under ``name``.

        Raises:
            UsageError: the name is taken or is not lower-case kebab-case / snake_case, or the object
                is not what an entry must be.
        """
        check_plain_name(self.kind, name)

        def add(entry: T) -> T:
            origin = registering_module()
            if not is_own(origin):
                self._discover()  # so that a name oodml has itself is refused here, not later
            if name in self._entries:
                raise UsageError(f"{self.kind} {name!r} is registered already; pick another name")
            self._check(name, entry)
            self._entries[name] = entry
            self._origins[name] = origin
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
            raise UsageError(f"unknown {self.kind} {shown(name)}; {self.hint(str(name))}")
        return self._entries[name]

    def hint(
        self, name: str, known: Collection[str] | None = None, *, also: Collection[str] = ()
    ) -> str:
        """What to say of a name there is not: near names, and packages that could not be loaded.

        Args:
            known: all names that could be meant, where they are more than the entries.
            also: as of `name_hint`.
        """
        listed = self._entries if known is None else known
        return "; ".join([name_hint(name, listed, also=also), *self._broken.values()])

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

    def from_outside(self) -> Iterator[tuple[str, str]]:
        """(module, name) of the entries that stand in no module of oodml."""
        for name in self._entries:
            origin = self._origins.get(name)
            if origin is not None and not is_own(origin):
                yield origin, name

    def _forget_outsiders(self, but: set[str]) -> None:
        for _, name in list(self.from_outside()):
            if name not in but:
                del self._entries[name], self._origins[name]

    def _check(self, name: str, entry: T) -> None:
        if self._base is None:
            if self._functions and not callable(entry):
                raise UsageError(f"{self.kind} {name!r}: expected a function, got {entry!r}")
            return
        if not (isinstance(entry, type) and issubclass(entry, self._base)):
            found = entry.__name__ if isinstance(entry, type) else f"a {type(entry).__name__}"
            raise UsageError(
                f"{self.kind} {name!r}: expected a class of {self._base.__name__}, got {found}"
            )
        if inspect.isabstract(entry):
            lacking = ", ".join(sorted(vars(entry)["__abstractmethods__"]))
            raise UsageError(f"{self.kind} {name!r}: class {entry.__name__} lacks {lacking}")

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True  # first: a module that looks something up must not start over
        try:
            for package in self._packages:
                import_all(package)
        except BaseException:
            self._discovered = False
            raise

    def _load_entry_points(self) -> None:
        if self._entry_points_loaded:
            return
        self._entry_points_loaded = True
        for point in entry_points(group=self.entry_point_group):
            self._load(point)

    def _load(self, point: EntryPoint) -> None:
        """Import the module, which runs its decorators; what fails leaves nothing behind."""
        before = {one: set(one._entries) for one in self.everyone}
        try:
            point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # anybody's code: SystemExit, too
            for registry in list(self.everyone):
                registry._forget_outsiders(but=before.get(registry, set()))
            package = f"{point.dist.name} {point.dist.version}" if point.dist else "a package"
            entry = f"{point.name} = {point.value}"
            reason = (
                f"{package} could not be loaded (entry point {entry!r} in group "
                f"{self.entry_point_group}): {failure_text(error)}"
            )
            self._broken[entry] = reason
            if self.tell_broken:
                console.print(f"passed over: {reason}", style="yellow", markup=False)


def entries_from_outside() -> dict[str, list[str]]:
    """Module -> "method 'name'", ... of all entries that stand in no module of oodml.

    A process that shall know what this one knows imports these modules; ``__main__`` it cannot.
    Executors are left out: only the process that asks for one needs it.
    """
    found: dict[str, list[str]] = {}
    for registry in sorted(Registry.everyone, key=lambda one: one.kind):
        if registry.kind == "executor":
            continue
        for module, name in registry.from_outside():
            found.setdefault(module, []).append(f"{registry.kind} {name!r}")
    return found
