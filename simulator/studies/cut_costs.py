"""What every place to cut a model costs, as predicted: the tables of the figures ``layer_times`` and ``cut_stages``.

``layer_times`` (after Kang et al., "Neurosurgeon", ASPLOS 2017, figure 5) holds what lies between two neighbouring cuts
(one layer, with all that is fused into it), its time on the device and on the edge server, and the bytes that cross
behind it. ``cut_stages`` (after their figure 4) holds the stages of the cuts that are worth a look: those that are
taken, and those that no other cut beats; over three tiers the quickest of those that end the device's part anywhere.

Neither knows queues. Both are bounded: layers of very long models are added up, and of many cuts some are shown. A
group whose policies all exit early has the times of the exits' heads in those of the layers before them; what a server
needs to read the input is in its first layer, work before and after the model in the first and the last. Beyond the
first dozen groups of a fleet nobody could read the figures.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.plan.candidates import names_of
from simulator.plan.choice import Choice
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.studies.axes import evenly

if TYPE_CHECKING:
    import pyarrow as pa

#: stages of a cut, in the order in which a request meets them, as they stand in the table
STAGES = ("device", "uplink", "edge", "backhaul_up", "cloud", "backhaul_down", "downlink")
_MOST_GROUPS, _MOST_LAYERS, _MOST_CUTS = 12, 1000, 20
_TEXT = ("group", "layer", "cut", "taken_by")


def cut_costs(system: System, plans: Sequence[Plan]) -> dict[str, pa.Table]:
    """Tables ``layer_times`` and ``cut_stages``."""
    import pyarrow as pa

    layers: list[dict[str, Any]] = []
    cuts: list[dict[str, Any]] = []
    for g, group in enumerate(system.groups[:_MOST_GROUPS]):
        layers += [{"group": group.name, **row} for row in _layers(plans, g)]
        cuts += [{"group": group.name, **row} for row in _cuts(plans, g)]
    rows = {"layer_times": layers, "cut_stages": cuts}
    return {name: pa.Table.from_pylist(of, _schema(name)) for name, of in rows.items()}


def _schema(table: str) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(column, pa.string() if column in _TEXT else pa.float64()) for column in CURVE_COLUMNS[table]])


def _without_exits(plans: Sequence[Plan], g: int) -> list[Plan]:
    """Plans of one model whose candidates hold the network alone, if there are any; most options first."""
    plain = [plan for plan in plans if len(plan.choices[g].table.exits) == 1] or list(plans)
    # sets of layers are no sequence, and codecs have times of their own at each cut
    plain = [p for p in plain if not p.choices[g].intent.graph and p.choices[g].intent.codec is None] or plain
    same = [plan for plan in plain if plan.choices[g].profile.name == plain[0].choices[g].profile.name]
    return sorted(same, key=lambda plan: -len(plan.choices[g].table.names))


def _layers(plans: Sequence[Plan], g: int) -> list[dict[str, Any]]:
    """What lies between neighbouring cuts, in the order of execution; the input first."""
    mine = _without_exits(plans, g)
    # the input may be sent in several encodings: the smallest
    choice = min((plan.choices[g] for plan in mine), key=lambda one: float((one.table.bytes_up @ one.shares)[0]))
    table, shares = choice.table, choice.shares
    single = [c for c, name in enumerate(table.names) if len(names_of(name)) == 1]
    device, edge, size = (values[single] @ shares for values in (table.device_s, table.edge_s, table.bytes_up))
    device[0] = 0.0  # encoding the input is no layer
    takers = _takers(plans, g, table.cuts[single[0]].name, is_first=True)
    rows = [_layer(f"input as {choice.encoding}", 0.0, 0.0, float(size[0]), takers)]
    for before, here in pairwise(evenly(range(len(single)), _MOST_LAYERS)):
        takers = _takers(plans, g, table.cuts[single[here]].name)
        on_device, on_edge = float(device[here] - device[before]), float(edge[before] - edge[here])
        # differences of sums may fall short of 0 by rounding
        rows.append(
            _layer(table.cuts[single[here]].name, max(0.0, on_device), max(0.0, on_edge), float(size[here]), takers)
        )
    return rows


def _layer(name: str, device_s: float, edge_s: float, cut_bytes: float, takers: str) -> dict[str, Any]:
    return {"layer": name, "device_s": device_s, "edge_s": edge_s, "cut_bytes": cut_bytes, "taken_by": takers}


def _takers(plans: Sequence[Plan], g: int, cut: str, is_first: bool = False) -> str:
    """Policies whose part on the device ends at a cut; all encodings of the input are one."""
    ends = {plan.policy: plan.choices[g].table.cuts[plan.choices[g].cut] for plan in plans}
    return ", ".join(policy for policy, end in ends.items() if (end.layers == 0 if is_first else end.name == cut))


def _cuts(plans: Sequence[Plan], g: int) -> list[dict[str, Any]]:
    """The cuts worth a look; the input once for each encoding that a policy knows."""
    mine = _without_exits(plans, g)
    rows: list[dict[str, Any]] = []
    for encoding in dict.fromkeys(plan.choices[g].encoding for plan in mine):
        choice = next(plan.choices[g] for plan in mine if plan.choices[g].encoding == encoding)
        takers = _takers_of(mine, g, encoding)
        rows += (
            _cut(choice, c, f"{choice.table.names[c]} as {encoding}", takers.get(choice.table.names[c], []))
            for c in _quickest(choice, takers)
            if choice.table.cuts[c].layers == 0
        )
    choice, takers = mine[0].choices[g], _takers_of(mine, g)
    shown = [c for c in _quickest(choice, takers) if choice.table.cuts[c].layers]
    free = [c for c in shown if choice.table.names[c] not in takers]
    room = max(2, _MOST_CUTS - len(takers))
    if choice.table.on_cloud.any():  # what one pair saves at the edge another spends on the way to the cloud
        latency_s = choice.prediction.latency_s @ choice.shares
        kept = set(sorted(free, key=lambda c: float(latency_s[c]))[:room])
    else:
        lost = beaten(choice)
        kept = set(evenly([c for c in free if not lost[c]], room))
    for c in shown:
        name = choice.table.names[c]
        if c in kept or name in takers:
            rows += [_cut(choice, c, name, takers.get(name, []))]
    return rows


def _takers_of(plans: Sequence[Plan], g: int, encoding: str = "") -> dict[str, list[str]]:
    """Policies by the name of the option that they take, those that send the input only in one encoding if asked."""
    found: dict[str, list[str]] = {}
    for plan in plans:
        choice = plan.choices[g]
        if encoding in ("", choice.encoding):
            found.setdefault(choice.table.names[choice.cut], []).append(plan.policy)
    return found


def _quickest(choice: Choice, taken: Container[str]) -> list[int]:
    """For each cut of the device the option with the least latency that fits, and those that are taken; in order."""
    table = choice.table
    fits = np.array([not reason for reason in table.misfit])
    latency_s = np.where(fits, choice.prediction.latency_s @ choice.shares, np.inf)
    best: dict[str, int] = {}
    for option, cut in enumerate(table.cuts):
        if (fits[option] and latency_s[option] < latency_s[best.get(cut.name, option)]) or cut.name not in best:
            best[cut.name] = option
    kept = {option for option in best.values() if fits[option]}
    kept |= {option for option, name in enumerate(table.names) if name in taken}
    return sorted(kept, key=lambda option: (table.cuts[option].layers, option))


def _cut(choice: Choice, c: int, name: str, takers: Sequence[str]) -> dict[str, Any]:
    prediction, shares = choice.prediction, choice.shares
    nothing = np.zeros_like(prediction.latency_s)
    times = {f"{stage}_s": prediction.stages_s.get(stage, nothing) for stage in STAGES}
    times |= {"propagation_s": prediction.propagation_s, "latency_s": prediction.latency_s}
    values = {column: float(of[c] @ shares) for column, of in times.items()}
    size = {"cut_bytes": float(choice.table.bytes_up[c] @ shares)}
    return {
        "cut": name,
        **values,
        "energy_j": float(prediction.energy_j[c] @ shares),
        **size,
        "taken_by": ", ".join(takers),
    }


def beaten(choice: Choice) -> NDArray[np.bool_]:
    """For each cut that sends no input, whether an earlier look at device time, compute time and bytes settles it."""
    table, shares = choice.table, choice.shares
    device = table.device_s @ shares
    costs = np.column_stack((device, device + table.edge_s @ shares, table.bytes_up @ shares))
    fits = np.array([not reason for reason in table.misfit])
    encoded = np.array([cut.layers == 0 for cut in table.cuts])  # what they send depends on the encoding
    beaten = np.zeros(len(costs), dtype=bool)
    best = np.empty_like(costs)
    kept = 0
    # in this order what beats a cut comes before it, and of cuts that cost the same the first one
    for c in np.lexsort(costs.T[::-1]):
        if encoded[c]:
            continue
        beaten[c] = bool((best[:kept] <= costs[c]).all(axis=1).any())
        if fits[c] and not beaten[c]:
            best[kept] = costs[c]
            kept += 1
    return beaten
