"""Signals that ask to stop raise one exception, and what was there before is there afterwards."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from oodml.cli.signals import run_stoppable
from oodml.core.interrupt import (
    Interrupted,
    is_a_request,
    received_signal,
    stop_cleanly,
    stop_if_asked,
    undisturbed,
)

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")


@pytest.fixture(autouse=True)
def plain_handlers():
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number in NUMBERS:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_signal_raises_and_handlers_come_back(number: int) -> None:
    before = [signal.getsignal(one) for one in NUMBERS], sys.unraisablehook
    with pytest.raises(Interrupted) as caught, stop_cleanly(end_by_signal=False):
        os.kill(os.getpid(), number)
    assert caught.value.number == received_signal() == number
    assert ([signal.getsignal(one) for one in NUMBERS], sys.unraisablehook) == before


def test_outside_it_is_a_plain_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, stop_cleanly():
        os.kill(os.getpid(), signal.SIGINT)
    assert type(caught.value) is KeyboardInterrupt


def test_other_handlers_and_ignored_signals_stay() -> None:
    heard = []
    signal.signal(signal.SIGTERM, lambda *_: heard.append("theirs"))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_cleanly():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
    assert heard == ["theirs"]


def test_one_that_is_lost_in_a_destructor_is_come_back_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Dying:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass

    def lose_and_ask() -> None:
        with stop_cleanly(end_by_signal=False):
            Dying()
            stop_if_asked()

    with pytest.raises(Interrupted):
        lose_and_ask()
    assert "Exception ignored" not in capsys.readouterr().err


def test_one_that_comes_at_a_bad_moment_waits_for_its_end() -> None:
    noted = []

    def take_and_note() -> None:
        with stop_cleanly(end_by_signal=False):
            with undisturbed():
                os.kill(os.getpid(), signal.SIGTERM)
                noted.append("taken")
            noted.append("too late")

    with pytest.raises(Interrupted, match="SIGTERM"):
        take_and_note()
    assert noted == ["taken"]
    assert received_signal() == signal.SIGTERM
    with undisturbed():
        noted.append("nothing came")


def test_code_that_raises_it_is_told_from_a_signal() -> None:
    assert is_a_request(KeyboardInterrupt()), "nobody knows"
    with stop_cleanly():
        assert not is_a_request(KeyboardInterrupt())
        assert is_a_request(Interrupted(signal.SIGTERM))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("own_error", [False, True])
def test_exit_codes(number: int, own_error: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            if own_error:  # as an import that is broken off does
                raise ImportError("half a module") from None
            raise
        return 0

    assert run_stoppable(command) == 128 + number
    said = capsys.readouterr().err
    assert said == "oodml: interrupted; the same command continues where it stopped\n"


def test_without_a_signal_nothing_changes() -> None:
    assert run_stoppable(lambda: 2) == 2
    with pytest.raises(ZeroDivisionError):
        run_stoppable(lambda: 1 // 0)
