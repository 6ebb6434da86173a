"""The page of all methods, from the registry: ``oodml methods list --markdown``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from oodml.methods.describe import (
    Listed,
    adaptation_of,
    batches_of,
    code_of,
    methods_by_family,
    needs_of,
    wrapper_summaries,
)
from oodml.methods.presets import presets_of
from oodml.methods.registry import wrapper_class

_HEAD = """# Methods

This page is made by `oodml methods list --markdown > docs/methods.md`, and a test holds that it is what
the registry says. Hyper-parameters with their ranges: `oodml methods show NAME`; values of papers with
their certainty: `oodml methods show PRESET`.

*Code* is whose code computes the loss: pytorch-metric-learning where its definition is the paper's,
our own where it is not, or where it is slower or not finite on degenerate batches. Where a method
differs from its paper, its section says so.
"""


def methods_page() -> str:
    """The page as Markdown, with an end of line at its end."""
    parts = [_HEAD, *_overview(), *_wrappers()]
    for family, listed in methods_by_family().items():
        parts.append(f"## {family[0].upper()}{family[1:]}\n")
        parts += [_section(one) for one in listed]
    parts.append("## Wrappers\n")
    parts += [_wrapper_section(name) for name in wrapper_summaries()]
    return "\n".join(parts)


def _overview() -> list[str]:
    rows = ["| method | what it is | source | code |", "|---|---|---|---|"]
    for listed in methods_by_family().values():
        for one in listed:
            source = "; ".join(one.method.sources)
            name = f"[`{one.name}`](#{one.name})"
            rows.append(_row(name, one.method.summary, source, code_of(one.method) or "none"))
    return ["\n".join(rows) + "\n"]


def _wrappers() -> list[str]:
    rows = ["| before a method | what it adds | source |", "|---|---|---|"]
    for name, summary in wrapper_summaries().items():
        rows.append(_row(f"`{name}-`", summary, wrapper_class(name).source))
    return ["\n".join(rows) + "\n"]


def _section(one: Listed) -> str:
    method = one.method
    facts = {
        "Formula": _formulas(method.formulas),
        "Batches": batches_of(method),
        "Support set": adaptation_of(method),
        "Needs": "; ".join(needs_of(method)),
        "Also": ", ".join(f"`{name}`" for name in one.combinations),
        "Presets": ", ".join(f"`{name}`" for name in _presets(one)),
    }
    lines = [f"- {head}: {text}" for head, text in facts.items() if text]
    listed = "\n".join(lines) + "\n" if lines else ""
    return f"### {one.name}\n\n{_escaped(method.description)}\n\n{listed}"


def _wrapper_section(name: str) -> str:
    found = wrapper_class(name)
    formulas = _formulas((found.formula,) if found.formula else ())
    formula = f"- Formula: {formulas}\n" if formulas else ""
    return f"### {name}-\n\n{_escaped(inspect.getdoc(found) or '')}\n\n{formula}"


def _formulas(texts: Sequence[str]) -> str:
    """Each as code, which can hold no backquotes of its own."""
    return "; ".join(f"`{_flat(text).replace('`', '')}`" for text in texts)


def _presets(one: Listed) -> list[str]:
    """Of the method itself first, then of the combinations around it."""
    return [name for method in (one.name, *one.combinations) for name in presets_of(method)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(_escaped(_flat(cell)).replace('|', chr(92) + '|') for cell in cells)} |"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Docstrings as Markdown: their double backquotes are code, and stars are stars."""
    return re.sub(r"(?<!`)\*", r"\\*", re.sub(r"``([^`]+)``", r"`\1`", text))
