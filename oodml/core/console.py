"""The consoles everything is printed through: text of users is shown as it is, never read as markup.

Paths, labels, docstrings and messages of exceptions hold brackets, ``:words:`` and, in the hands of
some, control characters. Nothing of it may style, hide or crash what is printed, so no other module
makes a console; a style is given as an argument or by a ``rich.text.Text``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# What a terminal acts on instead of showing it, but for line ends and tabs; lone surrogates stand
# for bytes of a file name that are no text.
_ACTED_ON = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with everything a terminal would act on spelt out, such as ``\x1b``.

    >>> printable("a \x1b[31mred\x1b[0m word")
    'a \\x1b[31mred\\x1b[0m word'
    """
    return _ACTED_ON.sub(lambda found: ascii(found[0])[1:-1], text)


class _PlainConsole(Console):
    def render_str(self, text: str, **options: Any) -> Text:
        """A text of cells, titles and prints, made printable before room is made for it."""
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Segments with printable text, those of a ``Text`` too; rich's own control codes stay."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)


def _plain(*, stderr: bool) -> Console:
    return _PlainConsole(stderr=stderr, markup=False, emoji=False, highlight=False)


# Progress and notes go to stderr so that a command's stdout stays clean for pipes and --json.
console = _plain(stderr=True)


def output(file_width: int | None = None) -> Console:
    """A console on stdout, as wide as the terminal is now.

    Args:
        file_width: its width where stdout is no terminal; default 80 columns.
    """
    found = _plain(stderr=False)
    if file_width is not None and not found.is_terminal:
        found.width = file_width
    return found


def say(text: str, *, error: bool = False) -> None:
    """One text on stdout (or stderr) with its own line ends: nothing is wrapped or styled."""
    stream = sys.stderr if error else sys.stdout
    print("\n".join(printable(line) for line in text.split("\n")), file=stream, flush=error)


def show(*what: Any, file_width: int | None = None) -> None:
    """Renderables such as tables, on stdout; a ``str`` in them is shown as it is."""
    printed = output(file_width)
    for one in what:
        printed.print(one)
