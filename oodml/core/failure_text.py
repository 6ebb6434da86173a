"""What an exception says, in a text that can be kept and shown whatever the exception is.

Methods, tasks and metrics may be anybody's code: an exception's ``__str__`` may raise, its message
may be megabytes long or hold what UTF-8 cannot.
"""

from __future__ import annotations

import traceback

from oodml.core.errors import OodmlError

MOST_CHARACTERS = 2_000
MOST_OF_A_TRACE = 20_000


def failure_text(error: BaseException, most: int = MOST_CHARACTERS) -> str:
    """Type and message, the message alone for errors of oodml; never raises.

    >>> failure_text(ZeroDivisionError("division by zero")), failure_text(MemoryError())
    ('ZeroDivisionError: division by zero', 'MemoryError')
    >>> failure_text(ValueError("x" * 5_000_000), most=40)
    'ValueError: xxxxxxxx [... 4999972 characters left out ...] xxxxxxxxxxxxxxxxxxxx'
    """
    kind = type(error).__name__
    try:
        message = str(error)
    except BaseException as fault:  # whatever their code does, this failure must be noted
        message = f"(its message cannot be had: {type(fault).__name__})"
    if not isinstance(error, OodmlError):
        message = f"{kind}: {message}" if message else kind
    return shortened(message or kind, most)


def failure_trace(error: BaseException) -> str:
    """The traceback, its middle left out where it is endless."""
    return shortened("".join(traceback.format_exception(error)), MOST_OF_A_TRACE)


def shortened(text: str, most: int) -> str:
    """The text in characters that UTF-8 has, without its middle where it is longer than ``most``."""
    if len(text) > most:
        half = most // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]} [... {left_out} characters left out ...] {text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
