"""What is common to halves of ONNX files and of captured modules: which cut, what crosses, both files or none.

The tensors that cross are those of the cut (see `partition`): every live one, or the tensor that they are all views of
where that is smaller.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import ExtractionError, Problem
from simulator.outputs import require_file_place
from simulator.profiling.graph import INPUT
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint, find_cut, is_alias


@dataclass(frozen=True)
class Halves:
    """What was written.

    Attributes
    ----------
    head, tail : Path
        The two files.
    crossing : tuple of (str, tuple of int, int)
        Name, shape and bytes of each tensor that the tail gets, in the order of its inputs.
    weights : str
        Where the weights come from, if not from a file.
    """

    head: Path
    tail: Path
    crossing: tuple[tuple[str, tuple[int, ...], int], ...]
    weights: str = ""


def inner_cut(profile: ModelProfile, at: str) -> CutPoint:
    """The cut of that name, with something on both sides of it.

    Raises
    ------
    ProfileError
        If there is none.
    ExtractionError
        If it is the input or the output.
    """
    cut = find_cut(profile, at)
    if cut.name in ("input", "output"):
        raise empty_side(profile, cut)
    return cut


def empty_side(profile: ModelProfile, cut: CutPoint) -> ExtractionError:
    """The error of a cut with nothing to run on one side."""
    message = f'the cut "{cut.name}" leaves one side empty: nothing but views of the input, or no output'
    return ExtractionError(Problem(message, f"cuts of {profile.name} lie between its first and its last layer"))


def same_cut(own: ModelProfile, wanted: CutPoint, profile: ModelProfile, source: str) -> CutPoint:
    """The cut of a model that splits the work and sends the bytes that a profile says.

    Parameters
    ----------
    own : ModelProfile
        Of the model that is cut.
    wanted, profile : CutPoint, ModelProfile
        The cut, and the profile that has it.
    source : str
        The model, for messages.

    Raises
    ------
    ExtractionError
        If it has no such cut.
    """
    split = (wanted.macs_before, wanted.bytes, wanted.heads)
    alike = [cut for cut in own.cut_points if (cut.macs_before, cut.bytes, cut.heads) == split]
    if own.macs != profile.macs or not alike:
        message = f'{source} has no cut like "{wanted.name}" of "{profile.name}"'
        message += f" ({wanted.macs_before} MAC before it, {wanted.bytes} bytes): it has {own.macs} MAC in all"
        raise ExtractionError(Problem(message, f"profile the model itself: offload-sim profile {source}"))
    return next((cut for cut in alike if cut.name == wanted.name), alike[0])


def layers_before(own: ModelProfile, cut: CutPoint) -> set[int]:
    """Layers that run before a cut, heads of exits among them."""
    heads = {index for head in own.exits[: cut.heads] for index in head.layers}
    return set(own.trunk[: cut.layers]) | heads


def crossing_layers(own: ModelProfile, before: Collection[int]) -> list[int]:
    """Layers (or the input) whose results cross: of the layers behind a cut, what they read from before it."""
    behind = [index for index in range(len(own.graph)) if index not in before]
    live = {source for index in behind for source in own.graph[index].inputs if source == INPUT or source in before}
    parents = {index: layer.inputs[0] for index, layer in enumerate(own.graph) if is_alias(layer.kind, layer.inputs)}
    children: dict[int, list[int]] = {}
    nodes = set(live)
    for tensor in live:
        while tensor in parents:
            children.setdefault(parents[tensor], [])
            if tensor not in children[parents[tensor]]:
                children[parents[tensor]].append(tensor)
            tensor = parents[tensor]
            nodes.add(tensor)

    def size(index: int) -> int:
        return own.input_bytes if index == INPUT else own.graph[index].output_bytes

    def least(index: int) -> list[int]:
        if index in live:
            return [index]
        parts = [part for child in children.get(index, ()) for part in least(child)]
        return parts if sum(map(size, parts)) < size(index) else [index]

    roots = sorted(index for index in nodes if parents.get(index) not in nodes)
    return [index for root in roots for index in least(root)]


def write_together(source: str, folder: Path, names: Sequence[str], write: Callable[[Path], None]) -> None:
    """All files of a folder or none.

    Parameters
    ----------
    source : str
        The model, for messages.
    folder : Path
        Where the files go; made if it is not there.
    names : sequence of str
        Files that may come into being or be replaced.
    write : callable
        Writes them into a folder that it is given.

    Raises
    ------
    ExtractionError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            require_file_place(folder / name, folder)
        staging = Path(tempfile.mkdtemp(prefix=".cut-", dir=folder))
        try:
            write(staging)
            for file in staging.iterdir():
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(staging)
    except OSError as error:
        message = f"cannot write the halves of {source} to {folder}: {error.strerror}"
        raise ExtractionError(Problem(message, "name a folder that can be written")) from error
