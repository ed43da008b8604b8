"""What a cut costs where costs add up: of each layer on either side, of what crosses, of what comes back.

The unit of the costs is whatever they are given in: seconds for latency, joules of the device for energy, a weighted
sum of both. As exact integers (see `physics.max_flow`), so that comparing two cuts knows no rounding.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simulator.arrays import Floats
from simulator.physics.max_flow import whole_numbers
from simulator.profiling.closed_sets import ClosedSets, Tree
from simulator.profiling.graph import INPUT, PROFILE_ELEMENT_BYTES, size_at
from simulator.profiling.model import ModelProfile


@dataclass(frozen=True, eq=False)
class CutCosts:
    """Costs of a model on two machines; all are at least 0.

    Attributes
    ----------
    here, there : array, shape (layers of the graph,)
        Of each layer on the device, and on the server.
    per_byte : float
        Of each byte that is sent.
    input_bytes : float
        Size of the encoded input, which is sent where no layer runs on the device. Where some do, and others read the
        input as well, the tensor crosses as it is.
    element_bytes : int
        Of a floating-point number in the tensors that cross.
    per_byte_back : float
        Of each byte of the results that are made on the server.
    leaving : float
        Of every cut that leaves anything to the server: propagation, waking the radio.
    keeps_input : bool
        Whether the input, and views of it, must not cross.
    """

    here: Floats
    there: Floats
    per_byte: float
    input_bytes: float
    element_bytes: int = PROFILE_ELEMENT_BYTES
    per_byte_back: float = 0.0
    leaving: float = 0.0
    keeps_input: bool = False


class ExactCosts:
    """The costs of a profile's units and tensors as integers, all on one scale.

    Attributes
    ----------
    here, there : list of int
        Of each unit.
    sent, back : dict of int to int
        Of each tensor that may cross, and of each that may come back.
    empty : int
        Of sending the encoded input.
    leaving, answer : int
        Of leaving the device at all: what is always to be paid, and the answer of a profile that lists no results.
    endless : int
        More than all finite costs together.
    exponent : int
        Of the power of two that an integer is to be multiplied with.
    """

    def __init__(self, profile: ModelProfile, sets: ClosedSets, costs: CutCosts) -> None:
        tensors = [tensor for tree in sets.trees for tensor in tree.tensors]
        sizes = [_size(profile, tensor, costs.element_bytes) for tensor in tensors]
        answer = 0.0 if profile.outputs else float(profile.output_bytes)
        digits, of_sizes = whole_numbers(np.array([*sizes, costs.input_bytes, answer]))
        (per_byte, per_byte_back), of_prices = whole_numbers(np.array([costs.per_byte, costs.per_byte_back]))
        layers = [index for unit in sets.units for index in unit]
        times = np.concatenate((costs.here[layers], costs.there[layers], [costs.leaving]))
        exponent = min(of_sizes + of_prices, whole_numbers(times)[1])
        whole, self.exponent = whole_numbers(times, exponent)
        up, down = per_byte << (of_sizes + of_prices - exponent), per_byte_back << (of_sizes + of_prices - exponent)
        self.endless = sum(whole) + sum(digits) * (up + down) + 1
        parts = iter(whole)
        self.here = [sum(next(parts) for _ in unit) for unit in sets.units]
        self.there = [sum(next(parts) for _ in unit) for unit in sets.units]
        self.sent = {tensor: up * size for tensor, size in zip(tensors, digits, strict=False)}
        self.back = {tensor: down * size for tensor, size in zip(tensors, digits, strict=False)}
        self.empty, self.leaving, self.answer = up * digits[-2], next(parts), down * digits[-1]
        if costs.keeps_input:
            self.empty = self.endless
            owned = next((tree.tensors for tree in sets.trees if tree.tensors[0] == INPUT), ())
            self.sent |= dict.fromkeys(owned, self.endless)

    def value(self, whole: int) -> float:
        """A cost as it was given."""
        return float(Fraction(whole) * Fraction(2) ** self.exponent)

    def crossing(self, tree: Tree, live: Collection[int]) -> int:
        """Of sending what some tensors of a tree can be viewed from."""
        return _fewest(tree, live, self.sent)

    def returning(self, tree: Tree, behind: Collection[int]) -> int:
        """Of sending back what some results of a tree can be viewed from."""
        return _fewest(tree, behind, self.back)


def _size(profile: ModelProfile, tensor: int, element_bytes: int) -> float:
    if tensor == INPUT:
        return size_at(element_bytes, float(profile.input_bytes), float(profile.input_integer_bytes))
    layer = profile.graph[tensor]
    return size_at(element_bytes, float(layer.output_bytes), float(layer.integer_bytes))


def _fewest(tree: Tree, live: Collection[int], price: dict[int, int]) -> int:
    """The least price from which all live tensors can be viewed: of each subtree its root, or its live parts."""
    if not live:
        return 0
    if len(tree.tensors) == 1:
        return price[tree.tensors[0]]
    needs = dict.fromkeys(tree.tensors, 0)
    for tensor in reversed(tree.tensors):
        need = min(needs[tensor], price[tensor]) if tensor not in live else price[tensor]
        if tensor not in tree.parents:
            return need
        needs[tree.parents[tensor]] += need
    raise AssertionError("the first tensor of a tree is no view")
