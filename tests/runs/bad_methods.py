"""Methods that misbehave while they are fitted; importing this module registers them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from torch import nn

from oodml.methods import Method, register_method


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit("not even this")


class NotAnException(BaseException):
    pass


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("held")
        self.held = lambda: None


def raise_(error: BaseException) -> NoReturn:
    raise error


def hold_the_interpreter() -> NoReturn:
    """No other thread, no signal handler and no exception gets a turn meanwhile."""
    Path(os.environ["OODML_TEST_STUCK"]).touch()
    ctypes.PyDLL(None).sleep(600)
    raise AssertionError("it should have been killed")


def print_much() -> nn.Module:
    print("x" * 10_000_000)
    sys.stdout.flush()
    return nn.Identity()


# way -> what it does
DEADLY = {
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}
RAISING = {
    "sys-exit": lambda: sys.exit(0),
    "interrupt": lambda: raise_(KeyboardInterrupt()),
    "memory": lambda: raise_(MemoryError()),
    "base": lambda: raise_(NotAnException("of its own")),
    "unpicklable": lambda: raise_(Unpicklable()),
    "unprintable": lambda: raise_(Unprintable()),
    "endless": lambda: raise_(ValueError("m" * 3_000_000)),
    "surrogate": lambda: raise_(ValueError("\ud800 [/bold]")),
}
HARMLESS = {"loud": print_much}
STUCK = {"stuck": hold_the_interpreter}


class _Bad(Method):
    trains = False
    fits = True
    way = ""

    def fit(self, features, labels):
        made = {**DEADLY, **RAISING, **HARMLESS, **STUCK}[self.way]()
        assert isinstance(made, nn.Module)
        return made


for _way in [*DEADLY, *RAISING, *HARMLESS, *STUCK]:
    _class = type(f"Bad{_way}", (_Bad,), {"way": _way, "__doc__": _way, "__module__": __name__})
    register_method(f"bad-{_way}")(_class)
