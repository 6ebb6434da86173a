"""Users' texts in matplotlib figures: no character starts its math mode."""

from __future__ import annotations


def plain_text(text: str) -> str:
    r"""The text with its dollar signs escaped.

    >>> plain_text("cost $a_b$")
    'cost \\$a_b\\$'
    """
    return text.replace("$", r"\$")
