"""Regions of a captured graph that have a graph of their own: their operators take the place of the region.

``torch.autocast`` and ``torch.enable_grad`` in a forward pass wrap what they hold, which computes the same without
them. Of the branches of ``torch.cond``, of which the input chooses one, the one with the most multiply-accumulates
counts; its layers carry the names of their operators, because tracing keeps no others. Loops (``while_loop``,
``scan``) stay, and are not counted.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch.fx import Graph, GraphModule, Node

from simulator.profiling.extract.eager import graph_macs

#: for each region, how many of its arguments come before its body
_BEFORE: Mapping[str, int] = MappingProxyType({"wrap_with_autocast": 4, "wrap_with_set_grad_enabled": 1, "cond": 1})


def inline_regions(owner: GraphModule) -> None:
    """Replace every region of a graph, and those within, by their operators."""
    for node in list(owner.graph.nodes):
        name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
        if name in _BEFORE:
            _inline(owner, node, _BEFORE[name], is_choice=name == "cond")
    owner.graph.eliminate_dead_code(is_impure_node=_keeps)
    owner.recompile()


def altered_by_inlining(owner: GraphModule) -> str:
    """Why a graph computes other numbers once its regions are replaced; empty if it does not."""
    for module in owner.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
            if name == "cond":
                return "torch.cond chooses a branch while it runs"
            if name == "wrap_with_autocast" and node.args[2]:
                return "its forward pass computes under torch.autocast"
    return ""


def _inline(owner: GraphModule, region: Node, before: int, is_choice: bool) -> None:
    given = region.args[before:]
    held = 2 if is_choice else 1
    bodies, operands = [_body(owner, one) for one in given[:held]], given[held:]
    if is_choice:
        operands = operands[0] if operands else ()
    body = max(bodies, key=graph_macs)
    places = [node for node in body.nodes if node.op == "placeholder"]
    copied: dict[Node, Any] = dict(zip(places, operands, strict=True))
    with owner.graph.inserting_before(region):
        results = owner.graph.graph_copy(body, copied)
    for reader in list(region.users):
        if reader.target is operator.getitem:
            reader.replace_all_uses_with(results[reader.args[1]])
            owner.graph.erase_node(reader)
    if region.users:
        region.replace_all_uses_with(results if isinstance(results, Node) else results[0])
    owner.graph.erase_node(region)


def _body(owner: GraphModule, reference: Node) -> Graph:
    """The graph that a region holds, its own regions replaced."""
    module = owner.get_submodule(str(reference.target))
    assert isinstance(module, GraphModule)
    inline_regions(module)
    return module.graph


def _keeps(node: Node) -> bool:
    """Only references to bodies go; what writes in place or is read by nobody is judged later."""
    return bool(node.op != "get_attr")
