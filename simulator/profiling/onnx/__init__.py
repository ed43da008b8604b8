"""Profiles from ONNX files, with the package ``onnx`` alone, and halves of ONNX files (the extra ``onnx``).

loading (shapes) -> composites -> layers, counted by operators and named by names -> a `ModelProfile`; halves cuts a
file where its profile is cut. Conventions are those of `extract`: one MAC is one multiply-accumulate; biases, norms,
activations and all that moves data are free; what depends on weights alone is folded. Weights that lie outside of the
file are not read for a profile. Left out: models of several inputs, and control flow (If, Loop, Scan).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.profiling.model import ModelProfile


def read_onnx(path: str, input_shape: Sequence[int] | None = None, exits: Sequence[str] = ()) -> ModelProfile:
    """Profile of an ONNX file.

    Parameters
    ----------
    path : str
        The file.
    input_shape : sequence of int, optional
        Shape of the input where the file leaves more open than its first extent, which is then one.
    exits : sequence of str
        Outputs of the file that are early exits; the one that is not named is the final result.

    Raises
    ------
    ExtractionError
        If onnx is missing, the file is no ONNX model, or its shapes are not known.
    """
    from simulator.profiling.onnx.loading import load
    from simulator.profiling.onnx.profile import profile_of

    return profile_of(load(Path(path), input_shape), path, exits)
