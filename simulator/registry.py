"""Names of kinds that a file may use (links, policies, codecs, compute models) and the class behind each.

The built-in kinds stand here as strings, so that nothing is imported before it is used; third parties add theirs
through entry points in the groups ``offload_sim.policies``, ``offload_sim.links``, ``offload_sim.codecs`` and
``offload_sim.compute``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from simulator.errors import NotFoundError, Problem, did_you_mean

#: group -> {kind: "module:attribute"}
BUILT_IN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "policies": {
            "local": "simulator.policies.local:LocalPolicy",
            "edge": "simulator.policies.edge:EdgePolicy",
            "cloud": "simulator.policies.cloud:CloudPolicy",
            "split": "simulator.policies.split:SplitPolicy",
            "early_exit": "simulator.policies.early_exit:EarlyExitPolicy",
            "best_of": "simulator.policies.best_of:BestOfPolicy",
            "adaptive": "simulator.policies.adaptive:AdaptivePolicy",
        },
        "links": {
            "constant": "simulator.links.constant:ConstantLink",
            "trace": "simulator.links.trace:TraceLink",
            "markov": "simulator.links.markov:MarkovLink",
            "blockage": "simulator.links.blockage:BlockageLink",
            "lora": "simulator.links.lora:LoraLink",
        },
        "codecs": {
            "quantise": "simulator.codecs.quantise:QuantiseCodec",
            "ratio": "simulator.codecs.ratio:RatioCodec",
            "sized": "simulator.codecs.sized:SizedCodec",
        },
        "compute": {
            "roofline": "simulator.devices.roofline:RooflineCompute",
            "measured": "simulator.devices.measured:MeasuredCompute",
        },
    }
)


@cache
def _targets(group: str) -> Mapping[str, str]:
    found = dict(BUILT_IN[group])
    for point in entry_points(group=f"offload_sim.{group}"):
        found.setdefault(point.name, point.value)
    return MappingProxyType(found)


def kinds(group: str) -> list[str]:
    """Known kinds of a group, built-in first."""
    return list(_targets(group))


def load(group: str, kind: str) -> Any:
    """The class registered for a kind.

    Raises
    ------
    NotFoundError
        Naming the nearest known kinds, or what a kind of a third party raised.
    """
    targets = _targets(group)
    if kind not in targets:
        raise NotFoundError(Problem(f'"{kind}" is not a known kind of {group}', did_you_mean(kind, list(targets))))
    module, _, attribute = targets[kind].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        if kind in BUILT_IN[group]:
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        message = f'the kind "{kind}" of {group} cannot be loaded from {targets[kind]}: {reason}'
        raise NotFoundError(Problem(message, "mend or uninstall the package that brings it")) from error
