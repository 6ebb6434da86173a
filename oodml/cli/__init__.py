"""The command line: one module a noun, no logic beyond reading arguments and printing."""

from __future__ import annotations

import os
import sys

from oodml.cli.failures import FAILED, INTERRUPTED, report_failure
from oodml.cli.signals import run_stoppable


def main() -> None:
    """Entry point of ``oodml`` and ``python -m oodml``: ends with 0 done, 1 failed, 2 wrong use."""
    code = run_stoppable(lambda: run_command(sys.argv[1:]))
    try:
        sys.stdout.flush()
    except OSError:  # told already; what is left in the buffer must not be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit code; no traceback reaches the user."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # names of files need not be text that the terminal can show
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
        sys.stdout.flush()  # a full disk behind it is a failure, not a note after the end
        return code
    except BrokenPipeError:
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        return report_failure(error)


def _run(arguments: list[str]) -> int:
    from oodml.cli.root import command

    try:
        result = command()(args=arguments, prog_name="oodml", standalone_mode=False)
    except Exception as error:
        # Usage errors come from the click that typer carries; tell them by what they offer, so
        # that it does not matter whether that is the installed or a vendored one.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            error.show()  # type: ignore[attr-defined]
            return int(error.exit_code)
        if type(error).__name__ == "Abort":
            raise KeyboardInterrupt from None
        raise
    if result == INTERRUPTED:  # typer turns KeyboardInterrupt into this exit code, or into Abort
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0
