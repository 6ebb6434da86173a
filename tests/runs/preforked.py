"""A process that has imported all of oodml and forks a command at each line it is given.

It saves the seconds of importing where many commands are started. A line is JSON: the arguments, and
the file for the output; the answer is a line with the process id of the command, and when it has
ended, its wait status.
"""

from __future__ import annotations

import json
import os
import signal
import sys


def command(arguments: list[str], output: str) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.argv = ["oodml", *arguments]
    from oodml.cli import main

    main()


def serve() -> None:
    import oodml.cli.root
    import oodml.reports
    import oodml.runs.executors.processes  # noqa: F401

    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    # read in whole, without a buffer that a child would have too
    for line in iter(lambda: os.read(0, 65536).decode(), ""):
        pid = os.fork()
        if pid == 0:
            command(**json.loads(line))
            os._exit(0)
        print(pid, file=answers, flush=True)
        print(os.waitpid(pid, 0)[1], file=answers, flush=True)


if __name__ == "__main__":
    serve()
