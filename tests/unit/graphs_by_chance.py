"""Random small models with branches, views, fused layers and several results, and their closed sets by definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from profiles_by_hand import layer, profile

from simulator.profiling.model import INPUT, ModelProfile


def random_model(generator: np.random.Generator, most: int = 9) -> ModelProfile:
    """A model of 2 to ``most`` layers, each of which reads up to three tensors made before it."""
    layers = []
    for index in range(int(generator.integers(2, most + 1))):
        count = int(generator.integers(1, min(index + 1, 3) + 1))
        inputs = sorted({int(source) for source in generator.integers(-1, index, size=count)})
        kind = str(generator.choice(["conv", "conv", "reshape", "elementwise"]))
        hosts = [place for place in range(index) if layers[place].fused_into is None]
        host = int(generator.choice(hosts)) if hosts and generator.random() < 0.15 else None
        size = int(generator.integers(1, 9)) * 4
        layers.append(layer(f"l{index}", inputs, size, kind, macs=int(generator.integers(0, 9)), fused_into=host))
    model = profile(layers, input_elements=int(generator.integers(1, 9)))
    read = {source for one in layers for source in one.inputs}
    results = [index for index in range(len(layers)) if index not in read or generator.random() < 0.1]
    if len(results) > 1 and generator.random() < 0.7:
        model = replace(model, outputs=tuple(results))
    return model


def closed_sets(model: ModelProfile) -> Iterator[frozenset[int]]:
    """Every set of layers that holds what it reads, and each layer with what is fused into it."""
    graph = model.graph
    for mask in range(1 << len(graph)):
        inside = frozenset(index for index in range(len(graph)) if mask >> index & 1)
        if all(inside.issuperset(set(graph[index].inputs) - {INPUT}) for index in inside) and all(
            one.fused_into is None or (index in inside) == (one.fused_into in inside) for index, one in enumerate(graph)
        ):
            yield inside
