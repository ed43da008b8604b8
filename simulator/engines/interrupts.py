"""Ctrl-C while machine code is made, loaded or run: it waits until Python is back.

An interrupt that strikes inside a callback of the compiler is swallowed there, and the run would go on; one that
strikes while a compiled function hands over its result comes out as a `SystemError`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at the end of the block for an interrupt that came within it.

    Whoever has a handler of their own for it, or is not the main thread, is left alone.
    """
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not is_ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    struck = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: struck.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if struck.is_set():
        raise KeyboardInterrupt
