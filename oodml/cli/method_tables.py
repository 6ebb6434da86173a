"""Methods as lists, as JSON and one by one, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from oodml.cli.catalogue_tables import option_value, options_json, unwrapped
from oodml.cli.preset_tables import presets_table
from oodml.core.console import show
from oodml.methods.describe import (
    adaptation_of,
    batches_of,
    code_of,
    methods_by_family,
    needs_of,
    search_range,
    shown_parameters,
    validity,
    wrapper_summaries,
)
from oodml.methods.presets import load_preset, presets_of

if TYPE_CHECKING:
    from oodml.core.parameters import Parameter
    from oodml.methods import Method


def methods_json() -> dict[str, Any]:
    """Name -> summary, family, source and the method inside a combination, for JSON."""
    found: dict[str, Any] = {}
    for family, listed in methods_by_family().items():
        for one in listed:
            found[one.name] = _listed_json(one.method, family, None)
            for name in one.combinations:
                found[name] = _listed_json(_made(name), family, one.name)
    return dict(sorted(found.items()))


def print_methods() -> None:
    """A table a family, combinations below the method inside, and the wrappers."""
    for family, listed in methods_by_family().items():
        table = Table(title=family, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
        table.add_column("method", no_wrap=True, width=20)
        table.add_column("what it is", overflow="fold")
        for one in listed:
            table.add_row(one.name, one.method.summary, style="bold")
            if one.combinations:
                table.add_row("", f"also: {', '.join(one.combinations)}")
        show(table)
    table = Table(
        title="wrappers, before any method that allows them",
        title_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("wrapper", no_wrap=True, width=20)
    table.add_column("what it adds", overflow="fold")
    for name, summary in wrapper_summaries().items():
        table.add_row(f"{name}-", summary)
    show(table, "oodml methods show NAME tells more of one.")


def method_json(name: str, method: Method) -> dict[str, Any]:
    """Everything about a method, for JSON."""
    return {
        "name": name,
        "summary": method.summary,
        "description": unwrapped(method.description),
        "family": method.family,
        "formulas": list(method.formulas),
        "source": "; ".join(method.sources),
        "version": method.full_version,
        "code": code_of(method),
        "batches": batches_of(method),
        "adaptation": adaptation_of(method),
        "needs": list(needs_of(method)),
        "hyper_parameters": options_json(shown_parameters(method)),
        "presets": presets_of(method.name),
    }


def print_method(name: str, method: Method) -> None:
    """Everything about a method."""
    description = unwrapped(method.description).replace("``", "`")
    show(Text(name, style="bold"), description, "")
    facts = {
        "formula": "\n".join(method.formulas),
        "source": "; ".join(method.sources),
        "family": method.family,
        "code": code_of(method),
        "batches": batches_of(method),
        "support set": adaptation_of(method),
        "needs": "; ".join(needs_of(method)),
        "version": method.full_version,
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for head, text in facts.items():
        if text:
            table.add_row(Text(head, style="bold"), text)
    show(table)
    parameters = shown_parameters(method)
    if parameters:
        show("", Text("hyper-parameters", style="bold"))
        for key, one in parameters.items():
            _print_parameter(key, one)
    presets = [load_preset(one) for one in presets_of(method.name)]
    if presets:
        show("", Text("presets", style="bold"), presets_table(presets))


def _print_parameter(name: str, one: Parameter[Any]) -> None:
    """Name, default and ranges on a line, what it means below."""
    searched = search_range(one)
    ranges = "; ".join(filter(None, (validity(one), f"search {searched}" if searched else "")))
    line = Text.assemble(
        "  ", (f"{name} = {option_value(one.default)}", "bold"), f"   {ranges}" if ranges else ""
    )
    show(line, Padding(one.description, (0, 0, 0, 6)))


def _listed_json(method: Method, family: str, inside: str | None) -> Mapping[str, Any]:
    return {
        "summary": method.summary,
        "family": family,
        "source": "; ".join(method.sources),
        "around": inside,
    }


def _made(name: str) -> Method:
    from oodml.methods import create_method

    return create_method(name)
