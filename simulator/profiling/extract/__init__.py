"""Profiles from real PyTorch models: build without weights, capture the graph, count, write down.

sources, injection -> capture -> operators, count -> graph -> fusion, exits -> a `ModelProfile`. Only this package
imports torch and its companions (the extra ``profiling``), and only when something is extracted.
Conventions. One MAC is one multiply-accumulate. Convolutions, linear layers, matrix products and einsum are counted by
fvcore's operator handles; the two products of scaled dot-product attention and recurrent layers, which fvcore leaves
out, are added. Norms, activations, softmax, pooling, element-wise arithmetic, resampling, embeddings and everything
that only moves data are free (0 MAC). What depends on parameters alone is folded as an inference runtime would, and
counts nothing. An operator that is neither counted nor known to be free makes the profile incomplete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.profiling.halving import Halves
    from simulator.profiling.model import ModelProfile


def extract(
    source: str, input_shape: Sequence[int] | None = None, tell: Callable[[str], None] | None = None
) -> ModelProfile:
    """Profile of a model.

    Parameters
    ----------
    source : str
        ``torchvision:NAME``, ``timm:NAME``, ``hf:NAME`` or ``package.module:factory``; with
        ``+bottleneck:at=CUT,channels=12,stride=2,bits=8`` behind it, one is injected (`injection`).
    input_shape : sequence of int, optional
        Shape of one input with its batch of one; otherwise known from the source.
    tell : callable, optional
        Takes a line of text now and then if it takes long, from another thread.

    Raises
    ------
    ExtractionError
        If torch is missing, the model is not known, the input does not fit, or the graph cannot be captured.
    """
    from simulator.profiling.extract.environment import prepare, quiet

    with quiet():
        prepare()
        from simulator.profiling.extract.assemble import assemble
        from simulator.profiling.extract.injection import planned

        return assemble(planned(source, input_shape, tell), tell)


def cut(profile: ModelProfile, at: str, source: str, folder: Path) -> Halves:
    """Write the halves of a model as two programs of `torch.export`; see `halves`.

    Raises
    ------
    ExtractionError
        If torch is missing, the model is not the one of the profile, or it cannot be cut there.
    """
    from simulator.profiling.extract.environment import prepare, quiet
    from simulator.profiling.halving import inner_cut

    wanted = inner_cut(profile, at)
    with quiet():
        prepare()
        from simulator.profiling.extract.halves import write_halves
        from simulator.profiling.extract.injection import planned

        return write_halves(profile, wanted, planned(source, profile.input_shape), folder)
