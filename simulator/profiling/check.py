"""Whether the parts of a profile agree with each other; every contradiction becomes a `Problem`.

Checked: names are unique, the graph is acyclic and in topological order, fusion points backwards, exits branch off the
trunk, and sizes and totals add up. Form (types, signs, missing keys) is `fileformat`'s business.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from simulator.errors import Problem
from simulator.profiling.graph import ELEMENT_BYTES, INPUT, Layer
from simulator.profiling.partition import results_bytes

if TYPE_CHECKING:
    from simulator.profiling.model import ModelProfile

#: names of the two outer cuts, which no layer may carry
RESERVED = ("input", "output")

_AGAIN = "the file is damaged or was edited: extract the profile again"


def contradictions(profile: ModelProfile) -> list[Problem]:
    """All problems of a profile whose form is right; empty for a sound one."""
    problems = [*_names(profile), *_order(profile), *_loss_effect(profile), *_encodings(profile)]
    if not problems:
        problems += [*_exits(profile), *_sizes(profile)]
    if not problems:
        problems += [*_fusion(profile), *_totals(profile), *_outputs(profile)]
    return problems


def _names(profile: ModelProfile) -> Iterator[Problem]:
    if not profile.graph:
        yield Problem("the profile has no layers", _AGAIN, ("graph",))
    if not profile.input_shape:
        yield Problem("the input has no shape", 'for example "input_shape": [1, 3, 224, 224]', ("input_shape",))
    first: dict[str, int] = {}
    for index, layer in enumerate(profile.graph):
        if layer.name in RESERVED:
            yield Problem(f'"{layer.name}" is the name of a cut, not of a layer', _AGAIN, ("graph", index, "name"))
        if first.setdefault(layer.name, index) != index:
            message = f'layers {first[layer.name]} and {index} are both called "{layer.name}"'
            yield Problem(message, _AGAIN, ("graph", index, "name"))


def _order(profile: ModelProfile) -> Iterator[Problem]:
    for index, layer in enumerate(profile.graph):
        for source in layer.inputs:
            if source >= index:
                message = f'layer {index} "{layer.name}" reads layer {source}, which does not come before it'
                hint = "layers stand in topological order without cycles, and -1 is the model input"
                yield Problem(message, hint, ("graph", index, "inputs"))
        if layer.fused_into is not None and layer.fused_into >= index:
            message = f'layer {index} "{layer.name}" is fused into layer {layer.fused_into}, which is not before it'
            yield Problem(message, _AGAIN, ("graph", index, "fused_into"))


def _loss_effect(profile: ModelProfile) -> Iterator[Problem]:
    effect = profile.loss_effect
    if effect is None:
        return
    if len(effect.lost) != len(effect.kept) or len(effect.lost) < 2:
        message = f"{len(effect.lost)} lost shares and {len(effect.kept)} kept shares"
        yield Problem(message, "two or more of each, in pairs", ("loss_effect",))
    rises = all(a < b for a, b in pairwise(effect.lost))
    if not rises or effect.lost[:1] != (0.0,):
        yield Problem("lost shares do not rise from 0", "for example [0, 0.1, 0.5]", ("loss_effect", "lost"))
    if effect.kept[:1] != (1.0,):
        message = "not all of the accuracy is kept when nothing is lost"
        yield Problem(message, "for example [1, 0.8, 0.2]", ("loss_effect", "kept"))


def _encodings(profile: ModelProfile) -> Iterator[Problem]:
    """An encoding that is named like an element type is the input in that type."""
    elements = prod(profile.input_shape)
    for name, encoding in profile.encodings.items():
        if name in ELEMENT_BYTES and encoding.size_bytes != elements * ELEMENT_BYTES[name]:
            message = f"{name} input is said to have {encoding.size_bytes:g} bytes"
            hint = f"{elements} elements of {name} have {elements * ELEMENT_BYTES[name]} bytes"
            yield Problem(message, hint, ("encodings", name, "size_bytes"))


def _exits(profile: ModelProfile) -> Iterator[Problem]:
    owner: dict[int, str] = {}
    for place, head in enumerate(profile.exits):
        path = ("exits", place)
        if head.name in [earlier.name for earlier in profile.exits[:place]]:
            yield Problem(f'two exits are called "{head.name}"', "", path)
        if place and head.after < profile.exits[place - 1].after:
            yield Problem(f'exit "{head.name}" comes before the exit listed above it', "sort by position", path)
        for index in (head.after, *head.layers):
            if index >= len(profile.graph):
                yield Problem(f'exit "{head.name}" names layer {index} of {len(profile.graph)}', _AGAIN, path)
        for index in head.layers:
            if owner.setdefault(index, head.name) != head.name:
                yield Problem(f'layer {index} is in the heads of "{owner[index]}" and "{head.name}"', _AGAIN, path)
        if head.after == INPUT and not head.layers:
            yield Problem(f'exit "{head.name}" has no layers and follows none', _AGAIN, path)
    for head in profile.exits:
        if head.after in owner:
            yield Problem(f'exit "{head.name}" branches off layer {head.after}, which is in a head', _AGAIN, ("exits",))
        for index in head.layers if max(head.layers, default=0) < len(profile.graph) else ():
            late = [source for source in profile.graph[index].inputs if source > head.after and source not in owner]
            if late:
                message = f'layer {index} of the head of exit "{head.name}" reads layer {late[0]}, which runs later'
                yield Problem(message, "a head runs right after the last layer that feeds it", ("exits",))
    for index, layer in enumerate(profile.graph):
        for source in layer.inputs:
            if source in owner and owner.get(index) != owner[source]:
                message = f'layer {index} "{layer.name}" reads layer {source} of the head of exit "{owner[source]}"'
                yield Problem(message, "only the head itself may read its layers", ("graph", index, "inputs"))


def _sizes(profile: ModelProfile) -> Iterator[Problem]:
    for index, layer in enumerate(profile.graph):
        read = sum(profile.tensor_bytes(source) for source in set(layer.inputs))
        if read != layer.input_bytes:
            message = f'layer {index} "{layer.name}" reads {read} bytes, not {layer.input_bytes}'
            yield Problem(message, _AGAIN, ("graph", index, "input_bytes"))
        if layer.integer_bytes > layer.output_bytes:
            message = f'layer {index} "{layer.name}" makes {layer.integer_bytes} bytes of integers'
            message += f" among {layer.output_bytes}"
            yield Problem(message, _AGAIN, ("graph", index, "integer_bytes"))
        for owner, size in layer.shared:
            if owner == index or owner >= len(profile.graph) or size > profile.graph[owner].param_bytes:
                message = f'layer {index} "{layer.name}" shares {size} bytes of parameters that layer {owner} has not'
                yield Problem(message, _AGAIN, ("graph", index, "shared"))
        if layer.integer_param_bytes > layer.param_bytes or any(
            size > dict(layer.shared).get(owner, 0) for owner, size in layer.shared_integers
        ):
            message = f'layer {index} "{layer.name}" reads more integer parameters than parameters'
            yield Problem(message, _AGAIN, ("graph", index, "integer_param_bytes"))
        if not layer.params <= 8 * layer.param_bytes or not layer.param_bytes <= 16 * layer.params:
            message = f'layer {index} "{layer.name}" has {layer.params} parameters in {layer.param_bytes} bytes'
            yield Problem(message, _AGAIN, ("graph", index, "param_bytes"))


def _fusion(profile: ModelProfile) -> Iterator[Problem]:
    trunk = set(profile.trunk)
    for index, layer in enumerate(profile.graph):
        if layer.fused_into is None:
            continue
        host: Layer = profile.graph[layer.fused_into]
        path = ("graph", index, "fused_into")
        if host.fused_into is not None:
            yield Problem(f'layer {index} "{layer.name}" is fused into "{host.name}", itself fused', _AGAIN, path)
        if (index in trunk) != (layer.fused_into in trunk):
            yield Problem(f'layer {index} "{layer.name}" is fused across the border of an exit', _AGAIN, path)


def _totals(profile: ModelProfile) -> Iterator[Problem]:
    for key in ("macs", "params"):
        total = sum(getattr(profile.graph[index], key) for index in profile.trunk)
        unread = profile.unread_params if key == "params" else 0
        stated = getattr(profile, key)
        if total + unread != stated:
            yield Problem(f"{key} is {stated}, but the layers of the trunk add up to {total + unread}", _AGAIN, (key,))


def _outputs(profile: ModelProfile) -> Iterator[Problem]:
    trunk = set(profile.trunk)
    for place, index in enumerate(profile.outputs):
        if index not in trunk:
            yield Problem(f"{index} is no layer of the trunk", _AGAIN, ("outputs", place))
    if profile.outputs and trunk.issuperset(profile.outputs):
        made = results_bytes(profile, profile.outputs)
        if made != profile.output_bytes:
            message = f"output_bytes is {profile.output_bytes}, but the outputs have {made} bytes"
            yield Problem(message, _AGAIN, ("output_bytes",))
