"""Table formats by name; every module of this package is found by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oodml.core.errors import UsageError
from oodml.core.registry import Registry
from oodml.reports.summary import Summary

Writer = Callable[[Sequence[Summary]], str]


@dataclass(frozen=True)
class TableFormat:
    """A format.

    Attributes:
        write: summaries -> the text of one document that holds all of their tables.
        suffix: of its files, without the dot.
    """

    name: str
    write: Writer
    suffix: str


_formats: Registry[TableFormat] = Registry("table format", packages=("oodml.reports.formats",))


def register_table_format(name: str, *, suffix: str) -> Callable[[Writer], Writer]:
    """Decorator: add a format. Reports then hold a ``table.<suffix>``, and --format knows it.

    The function is given one summary, or those of several settings, which it tells apart by their
    context. Texts of a summary are as users wrote them: escape what the format gives a meaning.
    """

    def add(write: Writer) -> Writer:
        _formats.register(name)(TableFormat(name, write, suffix))
        return write

    return add


def list_table_formats() -> list[str]:
    """Registered names, sorted."""
    return _formats.names()


def table_format(name: str) -> TableFormat:
    """The format called ``name``; UsageError with the known ones for another."""
    if name not in _formats:
        raise UsageError(f"format {name!r}: expected one of {', '.join(list_table_formats())}")
    return _formats.get(name)


def render(summaries: Summary | Sequence[Summary], format: str) -> str:
    """One summary, or several one after the other, as text in one of `list_table_formats`."""
    many = [summaries] if isinstance(summaries, Summary) else list(summaries)
    return table_format(format).write(many)
