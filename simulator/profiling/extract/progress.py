"""What a capture is at, said while it lasts: after a few seconds, then now and then, with advice if tracing is slow.

The time goes into following the network operator by operator, which a loop over time multiplies. A thread of its own
says so, because the work is one call into PyTorch; where it has got to is told by the modules that are called.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from simulator.printable import one_line

#: takes one or several lines of text
Tell = Callable[[str], None]

#: seconds of silence at the start, between two words, and until there is advice
FIRST_S, EVERY_S, ADVICE_S = 3.0, 10.0, 12.0

_ADVICE = (
    "{source}: torch.export is what takes the time: it follows every step of a loop over time as a layer of its own\n"
    "    give fewer tokens or frames (--input), nn.LSTM or nn.GRU in place of a loop over cells, or profile one step"
)


class Progress:
    """Says what is going on with one source, if anybody listens.

    Parameters
    ----------
    source : str
        Named in every line.
    tell : callable, optional
        Takes the lines; called from another thread.
    """

    def __init__(self, source: str, tell: Tell | None) -> None:
        self._source, self._tell = one_line(source), tell
        self._place = ""

    @contextmanager
    def building(self) -> Iterator[None]:
        """While the module is made."""
        with self._during("the network is built"):
            yield

    @contextmanager
    def tracing(self, module: torch.nn.Module) -> Iterator[None]:
        """While `torch.export` follows a module."""
        names = {id(child): name for name, child in module.named_modules()}

        def entered(called: torch.nn.Module, _: object) -> None:
            self._place = names.get(id(called)) or self._place

        if self._tell is None:
            yield
            return
        hook = register_module_forward_pre_hook(entered)
        try:
            with self._during("torch.export follows its operators", _ADVICE):
                yield
        finally:
            hook.remove()
            self._place = ""

    @contextmanager
    def counting(self) -> Iterator[None]:
        """While PyTorch's own counter looks at the operators."""
        with self._during("its operators are counted once more"):
            yield

    @contextmanager
    def _during(self, what: str, advice: str = "") -> Iterator[None]:
        if self._tell is None:
            yield
            return
        ended = threading.Event()
        speaker = threading.Thread(target=self._speak, args=(self._tell, what, advice, ended), daemon=True)
        speaker.start()
        try:
            yield
        finally:
            ended.set()
            speaker.join()

    def _speak(self, tell: Tell, what: str, advice: str, ended: threading.Event) -> None:
        started, pause = time.monotonic(), FIRST_S
        while not ended.wait(pause):
            seconds = time.monotonic() - started
            place = f", at {self._place}" if self._place else ""
            tell(f"{self._source}: {what}, {seconds:.0f} s so far{place}")
            if advice and seconds >= ADVICE_S:
                tell(advice.format(source=self._source))
                advice = ""
            pause = EVERY_S
