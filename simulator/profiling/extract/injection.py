"""Injects a bottleneck behind a cut of a model: ``SOURCE+bottleneck:at=layer2,channels=12,stride=2,bits=8``.

The model is captured without it first: its profile says which tensor crosses at the cut, and of which module that
tensor is the output. A hook behind that module leads its output through the bottleneck, which becomes the child
``bottleneck`` of the model; all other names stay as they are. The cut that sends little is ``bottleneck.encoder``.
Refused: cuts where several tensors cross or none, and cuts behind an operator that no module ends with.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from simulator.errors import ExtractionError, Problem, ProfileError, did_you_mean
from simulator.profiling.extract.assemble import profile_of
from simulator.profiling.extract.bottleneck import BITS, Bottleneck, crossing_bytes
from simulator.profiling.extract.capture import Captured, capture, given
from simulator.profiling.extract.progress import Tell
from simulator.profiling.extract.sources import BOTTLENECK, Blueprint, blueprint
from simulator.profiling.graph import INPUT, PROFILE_ELEMENT_BYTES
from simulator.profiling.halving import crossing_layers, inner_cut, layers_before
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint, find_cut

_EXAMPLE = "for example at=layer2,channels=12,stride=2,bits=8"
_MOST = 10**6
_SHOWN = 60
#: name of the child that the model gets
_CHILD = "bottleneck"


@dataclass(frozen=True)
class Wanted:
    """What a person wrote of a bottleneck.

    Attributes
    ----------
    at : str
        Name of a cut or of a module.
    channels, stride, bits : int
        See `Bottleneck`.
    """

    at: str
    channels: int
    stride: int = 1
    bits: int = 8


@dataclass(frozen=True)
class _Site:
    """A module behind which a bottleneck fits: its path, the shape of its output, the cut behind it."""

    path: str
    shape: tuple[int, ...]
    cut: CutPoint


def planned(source: str, input_shape: Sequence[int] | None = None, tell: Tell | None = None) -> Blueprint:
    """The model behind a source, with the bottleneck that the source names.

    Raises
    ------
    ExtractionError
        As `blueprint`; and if the bottleneck is not understood, or does not fit at its cut.
    """
    plain, mark, written = source.partition(BOTTLENECK)
    if not mark:
        return blueprint(source, input_shape)
    wanted = parse(written)
    if plain.lower().endswith(".onnx"):
        hint = "give the module that the file was exported from: package.module:factory"
        raise ExtractionError(Problem(f"a bottleneck is injected into a module, and {plain} is a file", hint))
    plan = blueprint(plain, input_shape)
    captured = capture(plan, tell)
    try:
        site = _site(profile_of(plan, captured), wanted, _outputs(plan, captured))
    except ProfileError as error:
        raise ExtractionError(error.problems) from error
    name = f"{plan.name}_{_CHILD}"
    # what was published of the model does not hold for one that is trained again with a bottleneck
    return replace(plan, name=name, source=source, top1=None, top1_source=None, inject=_injecting(site, wanted))


def parse(written: str) -> Wanted:
    """Read ``at=CUT,channels=12,stride=2,bits=8``; without stride and bits, 1 and 8.

    Raises
    ------
    ExtractionError
        With everything that is wrong.
    """
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for part in written.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in Wanted.__dataclass_fields__ or not equals:
            hint = did_you_mean(key, list(Wanted.__dataclass_fields__)) if equals else _EXAMPLE
            problems.append(Problem(f'bottleneck: "{part.strip()[:_SHOWN]}" is not understood', hint))
        elif key in found:
            problems.append(Problem(f'bottleneck: "{key}" is given twice', _EXAMPLE))
        elif key == "at":
            found[key] = value
            if not value:
                problems.append(Problem("bottleneck: at names no cut", _EXAMPLE))
        else:
            found[key] = number = int(value) if re.fullmatch(r"[0-9]{1,7}", value) else 0
            if not 1 <= number <= _MOST:
                message = f'bottleneck: {key} "{value[:_SHOWN]}" is not a whole number from 1 to {_MOST}'
                problems.append(Problem(message, _EXAMPLE))
            elif key == "bits" and number not in BITS:
                hint = f"write {', '.join(map(str, BITS[:-1]))}, or {BITS[-1]} for none"
                problems.append(Problem(f"bottleneck: no quantiser makes values of {number} bits", hint))
    if not problems:
        missing = [key for key in ("at", "channels") if key not in found]
        problems += [Problem(f'bottleneck: "{key}" is missing', _EXAMPLE) for key in missing]
    if problems:
        raise ExtractionError(problems)
    return Wanted(**found)


def _injecting(site: _Site, wanted: Wanted) -> Callable[[torch.nn.Module], None]:
    def inject(module: torch.nn.Module) -> None:
        added = Bottleneck(site.shape, wanted.channels, wanted.stride, wanted.bits)
        module.add_module(_CHILD, added)
        module.get_submodule(site.path).register_forward_hook(lambda _module, _given, output: added(output))

    return inject


def _outputs(plan: Blueprint, captured: Captured) -> dict[str, tuple[int, ...]]:
    """Shapes of what modules return that are called once and return one tensor of floating-point numbers."""
    returned: dict[str, list[Any]] = {}

    def watch(path: str) -> Callable[[Any, Any, Any], None]:
        return lambda _module, _given, output: returned.setdefault(path, []).append(output)

    children = [(path, child) for path, child in captured.module.named_modules() if path]
    hooks = [child.register_forward_hook(watch(path)) for path, child in children]
    args, kwargs = given(plan, captured.mode)
    try:
        with captured.mode, torch.no_grad():
            captured.module(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
    once = {path: outputs[0] for path, outputs in returned.items() if len(outputs) == 1}
    return {
        path: tuple(output.shape)
        for path, output in once.items()
        if isinstance(output, torch.Tensor) and output.is_floating_point()
    }


def _site(own: ModelProfile, wanted: Wanted, outputs: dict[str, tuple[int, ...]]) -> _Site:
    """Where the bottleneck goes; raises if it does not fit there."""
    if any(layer.name.split(".")[0] == _CHILD for layer in own.graph):
        hint = "give the module that it is injected into"
        raise ExtractionError(Problem(f"{own.source} has a module called {_CHILD} already", hint))
    cut = inner_cut(own, wanted.at)
    sites = _sites(own, outputs)
    here = [site for site in sites if site.cut.index == cut.index]
    if not here:
        why = "what crosses there is one tensor, but no module called once returns it as its only result"
        if cut.tensors != 1:
            why = f"{cut.tensors} tensors cross there, and a bottleneck takes one"
        raise ExtractionError(Problem(f'no bottleneck fits at "{wanted.at}": {why}', _nearest(sites, cut)))
    site = max(here, key=lambda one: len(one.path))
    shown = "x".join(map(str, site.shape))
    most = min(site.shape[2:]) if len(site.shape) == 4 else 1
    if wanted.stride > most:
        what = f"the map behind it has {shown}" if len(site.shape) == 4 else f"{shown} behind it is tokens, not a map"
        message = f'a bottleneck of stride={wanted.stride} does not fit at "{wanted.at}": {what}'
        raise ExtractionError(Problem(message, f"a stride of at most {most}"))
    size = crossing_bytes(site.shape, wanted.channels, wanted.stride, wanted.bits)
    if size >= cut.bytes:
        message = f'a bottleneck of channels={wanted.channels} at "{wanted.at}" narrows nothing: {size} bytes cross it'
        raise ExtractionError(Problem(message, f"{cut.bytes} bytes ({shown}) cross without one: take fewer channels"))
    return site


def _sites(own: ModelProfile, outputs: dict[str, tuple[int, ...]]) -> list[_Site]:
    """Every module whose output is all that crosses at the cut behind it."""
    found = []
    for path, shape in outputs.items():
        try:
            cut = find_cut(own, path)
        except ProfileError:  # no layer of the profile is of this module
            continue
        size = math.prod(shape) * PROFILE_ELEMENT_BYTES
        plain = cut.name not in ("input", "output") and (cut.tensors, cut.bytes, cut.integer_bytes) == (1, size, 0)
        if len(shape) in (3, 4) and plain:
            crossing = crossing_layers(own, layers_before(own, cut))[0]
            made_by = "" if crossing == INPUT else own.graph[crossing].name
            if made_by == path or made_by.startswith(f"{path}."):
                found.append(_Site(path, shape, cut))
    return found


def _nearest(sites: Sequence[_Site], cut: CutPoint) -> str:
    """The nearest modules on either side behind which one fits."""
    before = max((site for site in sites if site.cut.index < cut.index), key=lambda one: one.cut.index, default=None)
    behind = min((site for site in sites if site.cut.index > cut.index), key=lambda one: one.cut.index, default=None)
    paths = [site.path for site in (before, behind) if site is not None]
    return (
        f"one fits at {' and at '.join(paths)}" if paths else "none of its modules returns one map that alone crosses"
    )
