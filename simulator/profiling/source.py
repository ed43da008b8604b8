"""Which reader a source of a model belongs to: ONNX files to `onnx`, everything else to `extract`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from simulator import paths
from simulator.errors import ExtractionError, Problem
from simulator.profiling.halving import Halves
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
    if _is_file(source):
        from simulator.profiling.onnx import read_onnx

        return read_onnx(source, input_shape, exits)
    if exits:
        hint = 'a module declares its exits itself: exit_names = ("exit1", ...)'
        raise ExtractionError(Problem(f'{source} is not an ONNX file, so its exits cannot be named by "--exits"', hint))
    from simulator.profiling.extract import extract

    return extract(source, input_shape, tell)


def halves_of(profile: ModelProfile, at: str, source: str, folder: Path) -> Halves:
    """Write what runs before a cut of a model, and what runs behind it.

    Parameters
    ----------
    profile : ModelProfile
        Of the model.
    at : str
        Name of a cut or of a module.
    source : str
        The model itself: a file whose name ends in ``.onnx``, or a source that `extract` understands.
    folder : Path
        For ``head.onnx`` and ``tail.onnx``, or ``head.pt2`` and ``tail.pt2``.

    Raises
    ------
    ExtractionError
        If the model is not the one that the profile describes, or cannot be cut there.
    """
    if source == profile.source and paths.split_variant(profile.name)[1]:
        message = f'"{profile.name}" is derived from published numbers, so there is no module of it to cut'
        raise ExtractionError(Problem(message, "give your own with --model"))
    if _is_file(source):
        from simulator.profiling.onnx.halves import write_halves

        return write_halves(profile, at, Path(source), folder)
    from simulator.profiling.extract import cut

    return cut(profile, at, source, folder)


def _is_file(source: str) -> bool:
    return source.lower().endswith(".onnx")
