"""`ModelProfile`: a neural network as a graph of layers with their costs, and how it is stored and loaded.

Everything that a simulation needs to know about a network, without the framework that it was written in.
The profile is sound or it does not load: every contradiction is listed in one `ProfileError`.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import paths
from simulator.errors import Problem, ProfileError
from simulator.outputs import require_file_place
from simulator.profiling.check import contradictions
from simulator.profiling.fileformat import OPTIONAL, decode, encode
from simulator.profiling.graph import (
    ELEMENT_BYTES,
    INPUT,
    KINDS,
    PROFILE_ELEMENT_BYTES,
    Encoding,
    Exit,
    Layer,
    LossEffect,
    is_integer,
)
from simulator.profiling.partition import CutPoint, cut_points
from simulator.profiling.variants import derived, variant_named
from simulator.textfile import read_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INPUT", "KINDS", "CutPoint", "Encoding", "Exit", "Layer", "LossEffect", "ModelProfile", "load_profile"]


@dataclass(frozen=True)
class ModelProfile:
    """One network for one input shape.

    Attributes
    ----------
    name : str
        Short name, also the name of the file.
    source : str
        What it was extracted from, for example ``torchvision:resnet50``.
    input_shape : tuple of int
        Shape of one input, batch of one included.
    input_dtype : str
        Element type that the model reads, for example ``float32``.
    graph : tuple of Layer
        All layers in topological order, heads of early exits included.
    macs, params : int
        Totals of the trunk: what an inference without early exits runs, plus ``unread_params``.
    unread_params : int
        Parameters that the network has but inference never reads (auxiliary classifiers); they belong to no layer.
    exits : tuple of Exit
        Early exits sorted by position; the final output is not listed.
    output_bytes : int
        Size of the final result.
    encodings : mapping of str to Encoding
        Sizes of the input as it may be sent (``float32``, ``uint8``, ``jpeg``).
    top1 : float or None
        Published top-1 accuracy as a fraction.
    top1_source : str or None
        Who published it.
    uncounted : tuple of str
        Operators whose MACs are unknown; the profile is complete if there are none.
    versions : mapping of str to str
        Library versions at extraction.
    loss_effect : LossEffect or None
        Accuracy without the bytes that a lossy link does not deliver; None for a model that needs all of them.
    missing_macs : int
        Multiply-accumulates that another counter has seen and no layer has: the least that is missing from ``macs``.
    outputs : tuple of int
        Layers that make the final results, where there are more than the last one of the trunk; else empty.
    form : str
        ``training`` or ``deployed`` for a network whose branches are merged for inference, else empty.
    precision : str
        ``float16`` or ``int8`` for a network that is to be computed in it where a processor can, else empty.
    """

    name: str
    source: str
    input_shape: tuple[int, ...]
    input_dtype: str
    graph: tuple[Layer, ...]
    macs: int
    params: int
    unread_params: int
    exits: tuple[Exit, ...]
    output_bytes: int
    encodings: Mapping[str, Encoding]
    top1: float | None
    top1_source: str | None
    uncounted: tuple[str, ...]
    versions: Mapping[str, str]
    loss_effect: LossEffect | None = None
    missing_macs: int = 0
    outputs: tuple[int, ...] = ()
    form: str = ""
    precision: str = ""

    @property
    def complete(self) -> bool:
        """Whether every operator was counted."""
        return not self.uncounted

    @property
    def missing_share(self) -> float:
        """The least share of the multiply-accumulates that is missing; 0 where it cannot be bounded."""
        return self.missing_macs / (self.macs + self.missing_macs) if self.missing_macs else 0.0

    @property
    def input_bytes(self) -> int:
        """Size of the input tensor, as `Layer` states sizes."""
        element = ELEMENT_BYTES[self.input_dtype] if is_integer(self.input_dtype) else PROFILE_ELEMENT_BYTES
        return math.prod(self.input_shape) * element

    @property
    def sent_input_bytes(self) -> int:
        """Size of the input in the element type that the model reads."""
        return math.prod(self.input_shape) * ELEMENT_BYTES[self.input_dtype]

    @property
    def input_integer_bytes(self) -> int:
        """The part of `input_bytes` that no precision of a processor changes: all of it or nothing."""
        return self.input_bytes if is_integer(self.input_dtype) else 0

    def tensor_bytes(self, index: int) -> int:
        """Size of the output of a layer, or of the input of the model."""
        return self.input_bytes if index == INPUT else self.graph[index].output_bytes

    @cached_property
    def trunk(self) -> tuple[int, ...]:
        """Indices of the layers that are in no exit head, in order."""
        heads = {index for head in self.exits for index in head.layers}
        return tuple(index for index in range(len(self.graph)) if index not in heads)

    @cached_property
    def cut_points(self) -> tuple[CutPoint, ...]:
        """Every valid cut, from ``input`` to ``output``."""
        return cut_points(self)

    @property
    def layers(self) -> pd.DataFrame:
        """One row per layer of the graph, its fields as columns."""
        import pandas as pd

        return pd.DataFrame([vars(layer) for layer in self.graph]).rename_axis("index").astype({"fused_into": "Int64"})

    @property
    def cuts(self) -> pd.DataFrame:
        """One row per cut: name, layers before, MACs before and after, bytes crossing, number of tensors."""
        import pandas as pd

        return pd.DataFrame([vars(cut) for cut in self.cut_points]).set_index("index")

    @cached_property
    def text(self) -> str:
        """The profile as it stands in a file."""
        header = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "graph"}
        said = {key: value for key, value in header.items() if key not in OPTIONAL or value != OPTIONAL[key]}
        return encode(said, self.graph)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the content, the same on every machine."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the profile to a file, whole or not at all.

        Raises
        ------
        ProfileError
            If the folder does not exist or cannot be written.
        """
        path = Path(path)
        content = self.text
        try:
            require_file_place(path)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        except OSError as error:
            message = f'cannot write profile "{path}": {error.strerror}'
            raise ProfileError(Problem(message, "name a file in an existing folder")) from error
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(content)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return path


def load_profile(reference: str | Path, base: Path | None = None) -> ModelProfile:
    """Load a built-in profile by name, or a profile file.

    Parameters
    ----------
    reference : str or Path
        Name (``resnet50``) or path (``mine/net.json``), either with ``@VARIANT`` behind it (`variants`).
    base : Path, optional
        Folder that a relative path starts from.

    Raises
    ------
    NotFoundError
        If there is no such profile; names the nearest.
    ProfileError
        If the file is damaged; lists every problem.
    """
    path = reference if isinstance(reference, Path) else paths.find("model", reference, base)
    model, variant = ("", "") if isinstance(reference, Path) else paths.split_variant(reference)
    if variant:
        return derived(load_profile(model, base), variant_named(model, variant))
    if path.is_file():
        paths.require_size("model", path)
    values, problems = decode(read_text(path, ProfileError), str(path))
    if not problems:
        profile = ModelProfile(**values)
        problems = contradictions(profile)
    if problems:
        raise ProfileError(replace(problem, file=str(path)) for problem in problems)
    return profile
