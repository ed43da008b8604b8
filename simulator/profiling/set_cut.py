"""`SetCut`: a cut that is any closed set of layers, whether or not it is a prefix of the stored order.

`partition.CutPoint` is the case of a prefix. A set is closed when it holds all that its layers read, and each layer
together with what is fused into it. Its name is that of the cut point where there is one, else it says what is at its
border (``only branch1.conv + branch2.pool``: these layers, which no other of the set needs, and all that they need),
which tells closed sets apart. What crosses is counted as in `partition`: each
tensor once, views never beside what they are a view of.
Leaves out early exits: their heads are on neither side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from simulator.errors import Problem, ProfileError, did_you_mean
from simulator.profiling.graph import INPUT
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import fewest_bytes, find_cut, is_alias, results_bytes

#: name of a set that is no prefix: so, and with this between the layers at its border
ONLY, JOINED = "only ", " + "


@dataclass(frozen=True)
class SetCut:
    """A split of the trunk into a closed set of layers and the others.

    Attributes
    ----------
    name : str
        That of the `CutPoint` of the same layers, or ``only`` and the layers at the border.
    order : tuple of int
        The trunk with the layers before the cut first, either side as it is stored: an order in which the model can
        run, and of which the set is a prefix.
    layers : int
        How many layers run before the cut.
    macs_before, macs_after : int
    bytes, tensors, integer_bytes : int
        Size and number of the tensors that cross, and the part of the size that no precision changes; as in `CutPoint`.
    bytes_back : int
        Size of the results that are made behind the cut.
    is_prefix : bool
        Whether it is one of the profile's cut points.
    """

    name: str
    order: tuple[int, ...]
    layers: int
    macs_before: int
    macs_after: int
    bytes: int
    tensors: int
    integer_bytes: int
    bytes_back: int
    is_prefix: bool

    @property
    def before(self) -> tuple[int, ...]:
        """Indices of the layers before the cut."""
        return self.order[: self.layers]

    @property
    def after(self) -> tuple[int, ...]:
        """Indices of the layers behind it."""
        return self.order[self.layers :]


def is_closed(profile: ModelProfile, layers: Collection[int]) -> bool:
    """Whether a set of layers of the trunk holds all that it reads, and separates no fused layer from its host."""
    inside, trunk = frozenset(layers), frozenset(profile.trunk)
    if not inside <= trunk:
        return False
    graph = profile.graph
    holds_reads = all(source == INPUT or source in inside for index in inside for source in graph[index].inputs)
    hosts = ((index, graph[index].fused_into) for index in trunk)
    return holds_reads and all(host is None or (index in inside) == (host in inside) for index, host in hosts)


def closure(profile: ModelProfile, layers: Iterable[int]) -> frozenset[int]:
    """The smallest closed set that holds some layers of the trunk."""
    graph = profile.graph
    fused: dict[int, list[int]] = {}
    for index in profile.trunk:
        host = graph[index].fused_into
        if host is not None:
            fused.setdefault(host, []).append(index)
    found: set[int] = set()
    waiting = list(layers)
    while waiting:
        index = waiting.pop()
        if index in found:
            continue
        found.add(index)
        host = graph[index].fused_into
        waiting += [source for source in graph[index].inputs if source != INPUT]
        waiting += [*fused.get(index, ()), *(() if host is None else (host,))]
    return frozenset(found)


def input_readers(profile: ModelProfile) -> frozenset[int]:
    """Layers of the trunk that read the model input or a view of it: the raw input stays where all of them run."""
    raw, readers = {INPUT}, set[int]()
    for index in profile.trunk:
        layer = profile.graph[index]
        if not raw.isdisjoint(layer.inputs):
            readers.add(index)
            if is_alias(layer.kind, layer.inputs):
                raw.add(index)
    return frozenset(readers)


def set_cut(profile: ModelProfile, layers: Collection[int]) -> SetCut:
    """The cut behind a closed set of layers.

    Parameters
    ----------
    profile : ModelProfile
    layers : collection of int
        Indices in ``profile.graph``.

    Raises
    ------
    ProfileError
        For a set that is not closed.
    """
    inside = frozenset(layers)
    if not is_closed(profile, inside):
        missing = sorted(closure(profile, inside & frozenset(profile.trunk)) - inside)
        names = ", ".join(profile.graph[index].name for index in missing) or "layers of the trunk only"
        message = f'a set of {len(inside)} layers of "{profile.name}" is no cut: it lacks what its layers need'
        raise ProfileError(Problem(message, f"it would need {names}"))
    graph, trunk = profile.graph, profile.trunk
    first = tuple(index for index in trunk if index in inside)
    rest = tuple(index for index in trunk if index not in inside)
    live = {source for index in rest for source in graph[index].inputs if source == INPUT or source in inside}
    if not first:
        live.add(INPUT)
    made = {index: graph[index] for index in first}
    parents = {index: one.inputs[0] for index, one in made.items() if is_alias(one.kind, one.inputs)}
    sizes = {INPUT: profile.input_bytes} | {index: one.output_bytes for index, one in made.items()}
    whole = {INPUT: profile.input_integer_bytes} | {index: one.integer_bytes for index, one in made.items()}
    size, tensors = fewest_bytes(live, parents, sizes)
    macs = sum(graph[index].macs for index in first)
    name, is_prefix = _name(profile, first)
    return SetCut(
        name=name,
        order=first + rest,
        layers=len(first),
        macs_before=macs,
        macs_after=profile.macs - macs,
        bytes=size,
        tensors=tensors,
        integer_bytes=fewest_bytes(live, parents, whole)[0],
        bytes_back=_bytes_back(profile, inside, bool(rest)),
        is_prefix=is_prefix,
    )


def named_set(profile: ModelProfile, name: str) -> SetCut:
    """The cut of this name, as `set_cut` gives it; a cut point also by its module, see `find_cut`.

    Raises
    ------
    ProfileError
        For a name of nothing, naming the nearest.
    """
    if not name.startswith(ONLY):
        return set_cut(profile, profile.trunk[: find_cut(profile, name).layers])
    places = {profile.graph[index].name: index for index in profile.trunk}
    parts = name.removeprefix(ONLY).split(JOINED)
    problems = [
        Problem(f'model "{profile.name}" has no layer called "{part}"', did_you_mean(part, list(places)))
        for part in parts
        if part not in places
    ]
    if problems:
        raise ProfileError(problems)
    return set_cut(profile, closure(profile, (places[part] for part in parts)))


def _name(profile: ModelProfile, first: tuple[int, ...]) -> tuple[str, bool]:
    """Name of a closed set in stored order, and whether it is that of a cut point."""
    if first == profile.trunk[: len(first)]:
        for cut in profile.cut_points:
            if cut.layers == len(first):
                return cut.name, True
    border: list[str] = []
    needed: frozenset[int] = frozenset()
    for index in reversed(first):
        layer = profile.graph[index]
        if layer.fused_into is None and index not in needed:
            border.append(layer.name)
            needed |= closure(profile, [index])
    return ONLY + JOINED.join(reversed(border)), False


def _bytes_back(profile: ModelProfile, inside: frozenset[int], has_rest: bool) -> int:
    """Size of the results behind the cut; a view of what is made before it is there already."""
    if not profile.outputs:
        return profile.output_bytes if has_rest else 0
    behind = [output for output in profile.outputs if not _is_there(profile, output, inside)]
    return results_bytes(profile, behind)


def _is_there(profile: ModelProfile, index: int, inside: frozenset[int]) -> bool:
    while index != INPUT and index not in inside:
        layer = profile.graph[index]
        if not is_alias(layer.kind, layer.inputs):
            return False
        index = layer.inputs[0]
    return True
