"""Ctrl-C during compiled code: it is neither lost nor wrapped, and other people's handlers are theirs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from simulator.engines.interrupts import interrupts_held_back


@pytest.fixture(autouse=True)
def python_handles_interrupts() -> Iterator[None]:
    """As in the command; whatever was set before comes back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done = []

    def work() -> None:
        with interrupts_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    with interrupts_held_back():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_user_is_called_at_once() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    with interrupts_held_back():
        os.kill(os.getpid(), signal.SIGINT)
        assert heard == [signal.SIGINT]


def test_another_thread_may_run_compiled_code_too() -> None:
    """Only the main thread may change handlers."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with interrupts_held_back():
                pass
        except ValueError as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert failures == []
