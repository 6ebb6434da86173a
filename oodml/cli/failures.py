"""Exceptions -> what a user reads and the exit code. No traceback is printed unless asked for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from oodml.core.console import say
from oodml.core.errors import OodmlError
from oodml.core.failure_text import failure_text, failure_trace
from oodml.core.os_errors import os_error_text

DEBUG = "OODML_DEBUG"
FAILED = 1
INTERRUPTED = 130


def report_failure(error: BaseException) -> int:
    """Print on stderr what went wrong and what to do about it; the exit code it means.

    With the environment variable OODML_DEBUG, the traceback is printed before it.
    """
    if os.environ.get(DEBUG):
        say(failure_trace(error), error=True)
    code, text = _described(error)
    say(f"oodml: {text}", error=True)
    return code


def _described(error: BaseException) -> tuple[int, str]:
    if isinstance(error, OodmlError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; the same command continues where it stopped"
    if isinstance(error, OSError):
        return FAILED, os_error_text(error)
    if _is_out_of_memory(error):
        return FAILED, (
            f"not enough memory ({_first_line(error)}); use smaller batches, fewer --workers or a "
            "smaller embedding, or a machine with more"
        )
    if isinstance(error, RecursionError):
        return FAILED, "what was given is nested too deeply to be read; make it flatter"
    if isinstance(error, UnicodeError):
        return (
            FAILED,
            f"text that is not valid Unicode ({error}); rename the file or save it as UTF-8",
        )
    return FAILED, _bug(error)


def _is_out_of_memory(error: BaseException) -> bool:
    # torch's is a RuntimeError: of its own class on an accelerator, told by its text on processors
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "allocate memory" in str(error))
    )


def _bug(error: BaseException) -> str:
    what = failure_text(error)
    if os.environ.get(DEBUG):
        where = "the traceback stands above"
    elif (path := _saved(error)) is not None:
        where = f"the traceback is in {path}"
    else:
        where = f"{DEBUG}=1 shows the traceback"
    return f"unexpected {what}\nThis is a bug in oodml or in a plug-in; please report it: {where}"


def _saved(error: BaseException) -> Path | None:
    """The file a traceback was written to; None where that cannot be."""
    try:
        handle, name = tempfile.mkstemp(prefix="oodml-traceback-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(failure_trace(error))
    except OSError:
        return None
    return Path(name)


def _first_line(error: BaseException) -> str:
    return failure_text(error).splitlines()[0]
