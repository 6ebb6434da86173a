"""Signals that ask a process to stop: Ctrl-C, and alike ``kill`` and a terminal that goes away.

Each of them raises :class:`Interrupted` in the main thread, so that one way out is right for all:
bars end, leases are given back, temporary files go, results are collected. A second one during that
raises again, so that it ends quickly; every file is complete or absent at any moment.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

# What is replaced: only what Python itself put there. A handler of the user's stays, and a signal
# that the parent shell has ignored (nohup, a job in the background) stays ignored.
_REPLACED = {
    "SIGINT": signal.default_int_handler,
    "SIGTERM": signal.SIG_DFL,
    "SIGHUP": signal.SIG_DFL,
}


class Interrupted(KeyboardInterrupt):
    """A signal has asked this process to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _State:
    """What has come to this process.

    Attributes:
        received: number of the last signal that asked to stop; None where none did.
        deaf: whether they do nothing now, for they are another process's to handle.
        once: whether the first one is the last that does something.
        holding: whether the main thread must not be disturbed at this moment.
    """

    received: int | None = None
    deaf = False
    once = False
    holding = False


_state = _State()


def _raise(number: int, frame: FrameType | None) -> None:
    if _state.deaf:
        return
    _state.received = number
    _state.deaf = _state.once
    if _state.holding:
        return
    raise Interrupted(number)


@contextmanager
def stop_cleanly(*, end_by_signal: bool = True) -> Iterator[None]:
    """Within the block, signals that ask to stop raise Interrupted; then handlers are as before.

    Outside of the main thread, which alone may have handlers, the block is as any other.

    Args:
        end_by_signal: SIGTERM and SIGHUP, which would have ended the process at once, end it after
            the block; SIGINT is a plain KeyboardInterrupt outside. False raises Interrupted for all.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [
        getattr(signal, name)
        for name, handler in _REPLACED.items()
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == handler
    ]
    if numbers:
        _state.received = None
    before = {number: signal.signal(number, _raise) for number in numbers}
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_tell_unraisable, hook)
    try:
        yield
    except Interrupted as error:
        if not before or not end_by_signal:
            raise
        # the class that Python, and whoever called, knows
        raise KeyboardInterrupt().with_traceback(error.__traceback__) from None
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if signal.getsignal(number) is _raise:
                signal.signal(number, handler)
        received = _state.received
        if received in before and received != signal.SIGINT and end_by_signal:
            assert received is not None
            signal.raise_signal(received)


def _tell_unraisable(hook: Callable[[Any], Any], unraisable: Any) -> None:
    """Not an Interrupted that was lost in a destructor: `stop_if_asked` comes back to it."""
    if not issubclass(unraisable.exc_type, Interrupted):
        hook(unraisable)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that come within the block raise at its end: what it takes is also written down.

    For moments only, such as between the start of a process and the note that it is to be ended.
    """
    if threading.current_thread() is not threading.main_thread() or _state.holding:
        yield
        return
    before, _state.received, _state.holding = _state.received, None, True
    try:
        yield
    finally:
        came, _state.holding = _state.received, False
        _state.received = before if came is None else came
    if came is not None:
        raise Interrupted(came)


def received_signal() -> int | None:
    """The signal that asked this process to stop, in the present or last `stop_cleanly` block."""
    return _state.received


def stop_if_asked() -> None:
    """Raise Interrupted where a signal has come but its exception was lost in somebody's code."""
    if _state.received is not None and signal.getsignal(signal.SIGINT) is _raise:
        raise Interrupted(_state.received)


def is_a_request(error: KeyboardInterrupt) -> bool:
    """Whether it comes from a signal, as far as can be known, and not from code that raised it."""
    # ours raises Interrupted, and a signal that is ignored raises nothing
    telling = signal.getsignal(signal.SIGINT) in (_raise, signal.SIG_IGN)
    return isinstance(error, Interrupted) or not telling


def leave_signals_to_parent() -> None:
    """For a child: what the whole process group is sent does nothing here; see `interrupt_here`."""
    _state.deaf = True
    sys.unraisablehook = partial(_tell_unraisable, sys.unraisablehook)
    for name in _REPLACED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _raise)
            if hasattr(signal, "siginterrupt"):
                signal.siginterrupt(getattr(signal, name), False)  # nor breaks a system call


def interrupt_here() -> None:
    """Raise Interrupted in the main thread; for a child's thread that hears from its parent."""
    _state.deaf, _state.once = False, True  # signals of the group may be waiting for their turn
    if hasattr(signal, "pthread_kill"):
        main = threading.main_thread().ident
        assert main is not None
        signal.siginterrupt(signal.SIGINT, True)  # also from within a system call
        signal.pthread_kill(main, signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()
