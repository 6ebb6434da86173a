"""Texts of users where others read them: names of classes, methods, data sets, ladders."""

from __future__ import annotations

import unicodedata

# They turn the reading direction of whatever stands behind them, up to the end of the line.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str) -> str:
    """A text on one line, with nothing in it that acts instead of being read.

    Any white space is one space. Control characters (a terminal obeys them) and those that turn the
    reading direction of what follows are shown as a replacement character; letters of any script stay.

    >>> one_line("a\\n b\\tc"), one_line("red \\x1b[31m"), one_line("漢字 שלום")
    ('a b c', 'red �[31m', '漢字 שלום')
    """
    return "".join("\ufffd" if _acts(one) else one for one in " ".join(text.split()))


def shortened(text: str, most: int) -> str:
    """`one_line`, with an ellipsis in place of what is beyond ``most`` characters.

    >>> shortened("a name that is long", 8)
    'a name …'
    """
    shown = one_line(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _acts(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in ("Cc", "Cs")
