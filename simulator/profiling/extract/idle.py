"""Operators of a captured graph that do nothing at inference: what reads them reads their operand.

Exporters and inference runtimes leave them out, so they are no layers, and no cut lies behind them. A dropout that
draws although the module is not in training does something.
"""

from __future__ import annotations

from torch.fx import Node

from simulator.profiling.extract.operators import aten_name

_IDENTITIES = frozenset(
    ["alias", "detach", "identity", "resolve_conj", "resolve_neg", "contiguous", "clone", "lift_fresh"]
)
_DROPOUTS = frozenset(("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"))


def does_nothing(node: Node) -> bool:
    """Whether the result of an operator is its operand: an idle dropout, a copy, a slice of everything."""
    name = aten_name(node.target)
    if name in _DROPOUTS:
        return not (node.args[2] if len(node.args) > 2 else node.kwargs.get("train"))
    if name == "slice":
        return bool(node.meta["val"].shape == node.all_input_nodes[0].meta["val"].shape)
    return name in _IDENTITIES
