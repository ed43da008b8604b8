"""Memory that layers need while they run in order: their weights, and the tensors that are alive at the same time.

A tensor is alive from the layer that makes it to the last one that reads it, however many layers lie between (a skip
connection), and to the end if it is a result, which it is if nobody reads it. A layer that is fused into another works
in place: its output overwrites the largest tensor that it is the last to read. A reshape shares the storage of its
source. What a cut sends is alive on both sides of it. Left out: workspaces of convolutions, fragmentation, other orders
of the layers than the stored one, and activations that a runtime computes in place without fusing them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.profiling.graph import INPUT, size_at
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import is_alias


class MemoryNeeds:
    """What the first or the last layers of an order need, for every place at which it may be cut.

    Parameters
    ----------
    profile : ModelProfile
    order : sequence of int
        Layers in the order in which they run, each after those that it reads.
    element_bytes : int
        Bytes of a floating-point number on the processor.
    """

    def __init__(self, profile: ModelProfile, order: Sequence[int], element_bytes: int) -> None:
        self._profile, self._order, self._element_bytes = profile, order, element_bytes
        self._weights_before = _weights(profile, order, element_bytes)
        self._weights_from = _weights(profile, order[::-1], element_bytes)[::-1]
        live, settled = _live_bytes(profile, order, element_bytes)
        self._peak_before = np.concatenate((np.zeros(1), np.maximum.accumulate(live)))
        self._peak_from = np.concatenate((np.maximum.accumulate(live[::-1])[::-1], np.zeros(1)))
        self._live, self._settled = live, settled

    def before(self, place: int) -> tuple[float, float]:
        """Bytes of weights, and the most bytes alive at one time, of the first ``place`` layers."""
        return float(self._weights_before[place]), float(self._peak_before[place])

    def after(self, place: int) -> tuple[float, float]:
        """The same of all other layers, which get what crosses."""
        return float(self._weights_from[place]), max(0.0, float(self._peak_from[place] - self._settled[place]))

    def between(self, place: int, end: int) -> tuple[float, float]:
        """The same of the layers from one place to a later one, which get what crosses the first."""
        weights = _weights(self._profile, self._order[place:end], self._element_bytes)[-1]
        peak = float(self._live[place:end].max(initial=0.0) - self._settled[place])
        return float(weights), max(0.0, peak)


def _weights(profile: ModelProfile, order: Sequence[int], element_bytes: int) -> NDArray[np.float64]:
    """Bytes of the parameters that the first layers of an order read, each once, for every number of layers."""
    layers = [(index, profile.graph[index]) for index in order]
    every = (((index, one.param_bytes), *one.shared) for index, one in layers)
    whole = (((index, one.integer_param_bytes), *one.shared_integers) for index, one in layers)
    return size_at(element_bytes, _held(every), _held(whole))


def _held(reads: Iterable[tuple[tuple[int, int], ...]]) -> NDArray[np.float64]:
    """Running sum of what is read, from each owner at most what is its own."""
    held: dict[int, int] = {}
    added = [0]
    for parts in reads:
        fresh = 0
        for owner, size in parts:
            fresh += max(0, size - held.get(owner, 0))
            held[owner] = max(size, held.get(owner, 0))
        added.append(fresh)
    return np.cumsum(np.array(added, dtype=np.float64))


def _live_bytes(
    profile: ModelProfile, order: Sequence[int], element_bytes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bytes alive while each layer runs, shape (n,), and results that nobody reads any more before it, shape (n + 1,).

    One pass over the layers and their inputs. A result that was made before a cut and is not read behind it stays on
    its side, so it does not count on the other one.
    """
    graph, steps = profile.graph, len(order)
    storage = {INPUT: INPUT}
    size = {INPUT: size_at(element_bytes, float(profile.input_bytes), float(profile.input_integer_bytes))}
    made, last_read = {INPUT: 0}, dict[int, int]()
    unread = set[int]()
    for step, index in enumerate(order):
        layer = graph[index]
        for source in layer.inputs:
            last_read[storage[source]] = step
            unread.discard(source)
        if is_alias(layer.kind, layer.inputs):
            storage[index] = storage[layer.inputs[0]]
        else:
            storage[index], made[index] = index, step
            size[index] = size_at(element_bytes, float(layer.output_bytes), float(layer.integer_bytes))
        unread.add(index)
    results = {storage[index] for index in (*unread, *profile.outputs)}

    change, settled = np.zeros(steps + 1), np.zeros(steps + 1)
    for tensor, start in made.items():
        last = last_read.get(tensor, -1 if tensor == INPUT else start)
        change[start] += size[tensor]
        change[steps if tensor in results else last + 1] -= size[tensor]
        if tensor in results:
            settled[last + 1] += size[tensor]
    live = np.cumsum(change)[:steps]
    for step, index in enumerate(order):
        if graph[index].fused_into is None or storage[index] != index:
            continue
        read = {storage[source] for source in graph[index].inputs} - results
        overwritten = max((size[tensor] for tensor in read if last_read[tensor] == step), default=0.0)
        live[step] -= min(overwritten, size[index])
    return live, np.cumsum(settled)
