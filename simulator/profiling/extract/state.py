"""What of a captured graph is not constant although no input leads to it: state that the pass writes, and chance.

A buffer that the forward pass writes with something that depends on the input (a hidden state, the cache of a
convolution) has another value the next time, so nothing that reads it can be computed once and for all. The same holds
for random numbers. Writes of constants into constants, such as the masks of attention, change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torch.fx import Node

from simulator.profiling.extract.operators import RANDOM, SHAPE_ONLY, aten_name, base_name, kind_of


@dataclass(frozen=True)
class State:
    """Sources of a graph that are neither input nor constant.

    Attributes
    ----------
    changing : frozenset of Node
        Placeholders that the pass writes, and operators that draw random numbers.
    written : tuple of Node
        What is written into them: needed, whether or not an output reads it.
    hidden : tuple of str
        Writes into tensors whose names the graph does not know (through ``.data``): who reads them cannot be told.
    """

    changing: frozenset[Node]
    written: tuple[Node, ...]
    hidden: tuple[str, ...]


def state_of(nodes: Sequence[Node], inputs: Collection[str], buffers: Collection[str]) -> State:
    """The state of a graph.

    Parameters
    ----------
    nodes : sequence of Node
        In order of execution.
    inputs, buffers : collection of str
        Names of the placeholders that are inputs of the user, and that are buffers or parameters of the module.
    """
    chance = {node for node in nodes if node.op == "call_function" and aten_name(node.target) in RANDOM}
    roots = storage_of(nodes)
    changing: set[Node] = set(chance)
    while True:
        dependent = _dependent(nodes, inputs, changing)
        found = {
            root: node
            for node in nodes
            for root in _written(node, roots)
            if root.op in ("placeholder", "get_attr") and root.name not in inputs and _brings(node, dependent)
        }
        if found.keys() <= changing:
            break
        changing |= found.keys()
    written = [source for node in found.values() for source in node.all_input_nodes if source in dependent]
    hidden = [str(node.target) for root, node in found.items() if root.name not in buffers]
    return State(frozenset(changing), tuple(written), tuple(sorted(set(hidden))))


def written_by(node: Node) -> Iterator[Node]:
    """Tensors that an operator changes in place."""
    if node.op == "call_function" and base_name(node.target, keep_in_place=True).endswith("_") and node.args:
        first = node.args[0]
        for target in first if isinstance(first, list | tuple) else (first,):
            if isinstance(target, Node):
                yield target


def _brings(node: Node, dependent: Collection[Node]) -> bool:
    """Whether a write brings something new: a source of it that is not what is written depends on input or state."""
    targets = set(written_by(node))
    return any(source in dependent for source in node.all_input_nodes if source not in targets)


def _written(node: Node, roots: dict[Node, Node]) -> list[Node]:
    return [roots[target] for target in written_by(node)]


def storage_of(nodes: Sequence[Node]) -> dict[Node, Node]:
    """For every node, the one whose storage it shares."""
    roots: dict[Node, Node] = {}
    for node in nodes:
        targets = list(written_by(node))
        source = node.args[0] if node.op == "call_function" and node.args else None
        if targets:
            roots[node] = roots[targets[0]]
        elif isinstance(source, Node) and kind_of(node.target) == "reshape":
            roots[node] = roots[source]
        else:
            roots[node] = node
    return roots


def _dependent(nodes: Sequence[Node], inputs: Collection[str], changing: Collection[Node]) -> set[Node]:
    """What depends on the values of the input or of what changes."""
    dependent: set[Node] = set()
    for node in nodes:
        shape_only = node.op == "call_function" and aten_name(node.target) in SHAPE_ONLY
        reads = not shape_only and not dependent.isdisjoint(node.all_input_nodes)
        if reads or node in changing or (node.op == "placeholder" and node.name in inputs):
            dependent.add(node)
    return dependent
