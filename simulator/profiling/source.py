"""Which reader a source of a model belongs to: ONNX files to `onnx`, everything else to `extract`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.errors import ExtractionError, Problem
from simulator.profiling.model import ModelProfile


def profile_of(
    source: str,
    input_shape: Sequence[int] | None = None,
    exits: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
) -> ModelProfile:
    """Profile of a model.

    Parameters
    ----------
    source : str
        A file whose name ends in ``.onnx``, or a source that `extract` understands.
    input_shape : sequence of int, optional
        Shape of one input; otherwise known from the source.
    exits : sequence of str
        Outputs of an ONNX file that are early exits.
    tell : callable, optional
        Takes a line of text now and then if it takes long, from another thread.

    Raises
    ------
    ExtractionError
        If the model cannot be read or captured.
    """
    if source.lower().endswith(".onnx"):
        from simulator.profiling.onnx import read_onnx

        return read_onnx(source, input_shape, exits)
    if exits:
        hint = 'a module declares its exits itself: exit_names = ("exit1", ...)'
        raise ExtractionError(Problem(f'{source} is not an ONNX file, so its exits cannot be named by "--exits"', hint))
    from simulator.profiling.extract import extract

    return extract(source, input_shape, tell)
