"""The command line: one module a noun, no logic beyond reading arguments and printing."""

from __future__ import annotations

import sys

from oodml.cli.signals import INTERRUPTED, run_stoppable
from oodml.core.errors import OodmlError

_INTERRUPTED = 130


def main() -> None:
    """Entry point of ``oodml`` and ``python -m oodml``: ends with 0 done, 1 failed, 2 wrong use."""
    sys.exit(run_stoppable(lambda: run_command(sys.argv[1:])))


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit code; no traceback reaches the user."""
    from oodml.cli.root import app

    try:
        result = app(args=arguments, prog_name="oodml", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except OodmlError as error:
        print(f"oodml: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        return 1
    except Exception as error:
        # Usage errors come from the click that typer carries; tell them by what they offer, so
        # that it does not matter whether that is the installed or a vendored one.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            error.show()  # type: ignore[attr-defined]
            return int(error.exit_code)
        if type(error).__name__ != "Abort":
            raise
        code = _INTERRUPTED
    if code == _INTERRUPTED:  # typer turns KeyboardInterrupt into this exit code, or into Abort
        print(INTERRUPTED, file=sys.stderr)
    return code
