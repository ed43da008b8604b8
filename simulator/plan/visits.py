"""What options go through, tier by tier: the one description of a request's way, for routes and for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.physics.packets import forwarded_bits
from simulator.plan.candidates import Candidates
from simulator.plan.routes import ANSWER_LOST, INPUT_LOST, NO_REASON, Visits
from simulator.plan.stages import BACKHAUL_DOWN, BACKHAUL_UP, CLOUD, DEVICE, DOWNLINK, EDGE, UPLINK
from simulator.plan.system import Group

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Beyond:
    """What options do behind the edge server; all arrays have the shape of the options.

    Attributes
    ----------
    on_edge, on_cloud : array of bool
        Whether anything runs on the edge server, and in the cloud.
    bits_up, cloud_s, bits_down : array
        What the link to the cloud carries by itself, either way, and the work in the cloud.
    propagation_s : float
        One way.
    falls_back : bool
        Whether a request that finds the cloud full finishes on its device; it is dropped otherwise.
    """

    on_edge: Flags
    on_cloud: Flags
    bits_up: Floats
    cloud_s: Floats
    bits_down: Floats
    propagation_s: float
    falls_back: bool


def through_tiers(
    *,
    device_s: Floats,
    bits_up: Floats,
    edge_s: Floats,
    bits_down: Floats,
    on_device: Flags,
    offloaded: Flags,
    propagation_s: Floats | float,
    tolerates_loss: Flags | bool,
    rest_s: Floats | None = None,
    falls_back: bool = True,
    beyond: Beyond | None = None,
) -> list[Visits]:
    """What options over two tiers visit, or over three; all arrays have the shape of the options.

    Parameters
    ----------
    device_s, edge_s : array
        Work of either side.
    bits_up, bits_down : array
        Over the link of the device.
    on_device, offloaded : array of bool
        Whether an option has a part on the device, and one elsewhere.
    propagation_s : array
        Between device and edge, one way.
    tolerates_loss : array of bool
        Whether a request goes on although bits of its input were lost.
    rest_s : array or None
        Time on the device of all that it has not computed; None if nothing is ever finished there.
    falls_back : bool
        Whether a request that finds the edge full finishes on its device; it is dropped otherwise.
    beyond : Beyond or None
        None without a cloud.
    """
    shape = device_s.shape
    delay_s = np.broadcast_to(np.asarray(propagation_s, dtype=np.float64), shape)
    input_lost = np.where(np.broadcast_to(tolerates_loss, shape), NO_REASON, INPUT_LOST).astype(np.int8)
    answer_lost = np.full(shape, ANSWER_LOST, dtype=np.int8)
    edge_rest_s = rest_s if falls_back else None
    on_edge = offloaded if beyond is None else beyond.on_edge
    found = [
        Visits(DEVICE, on_device, device_s),
        Visits(UPLINK, offloaded, bits_up, delay_s, input_lost),
        Visits(EDGE, on_edge, edge_s, rest_s=edge_rest_s, back_s=None if edge_rest_s is None else delay_s),
    ]
    if beyond is not None:
        cloud_rest_s = rest_s if beyond.falls_back else None
        far_s = np.full(shape, beyond.propagation_s)
        back_s = None if cloud_rest_s is None else far_s + delay_s
        found += [
            Visits(BACKHAUL_UP, beyond.on_cloud, beyond.bits_up, far_s),
            Visits(CLOUD, beyond.on_cloud, beyond.cloud_s, rest_s=cloud_rest_s, back_s=back_s),
            Visits(BACKHAUL_DOWN, beyond.on_cloud, beyond.bits_down, far_s),
        ]
    return [*found, Visits(DOWNLINK, offloaded, bits_down, delay_s, answer_lost)]


def visits_of(table: Candidates, group: Group, falls_back: bool = False, scale: Floats | float = 1.0) -> list[Visits]:
    """What the options of a group visit; arrays have the shape of the table.

    Parameters
    ----------
    table : Candidates
    group : Group
    falls_back : bool
        Whether a request that finds the edge full finishes on its device.
    scale : float or array that broadcasts against the table
        Factor on the rates of the uplink.
    """
    return through_tiers(
        device_s=table.device_s,
        bits_up=table.bytes_up * 8,
        edge_s=table.edge_s,
        bits_down=table.bytes_down * 8,
        on_device=table.on_device,
        offloaded=table.offloaded,
        propagation_s=group.propagation_s,
        tolerates_loss=group.profile.loss_effect is not None,
        rest_s=table.fallback_s,
        falls_back=falls_back,
        beyond=_beyond(table, group, scale),
    )


def _beyond(table: Candidates, group: Group, scale: Floats | float) -> Beyond | None:
    cloud = group.cloud
    if cloud is None:
        return None
    bits_up, bits_down = table.bytes_beyond * 8, table.bytes_back * 8
    if group.packet_bytes is not None:
        packet = 8 * group.packet_bytes
        up = forwarded_bits(bits_up, packet, cloud.uplink.mean_rate_bps, group.uplink.mean_rate_bps * scale)
        down = forwarded_bits(bits_down, packet, cloud.downlink.mean_rate_bps, group.downlink.mean_rate_bps)
        # the edge forwards what it does not compute with
        bits_up = np.where(table.on_edge, bits_up, up)
        bits_down = np.where(table.bytes_back == table.bytes_down, down, bits_down)
    return Beyond(
        on_edge=table.on_edge,
        on_cloud=table.on_cloud,
        bits_up=bits_up,
        cloud_s=table.cloud_s,
        bits_down=bits_down,
        propagation_s=cloud.propagation_s,
        falls_back=cloud.falls_back,
    )


def end_to_end(parts: Sequence[Sequence[Visits]]) -> list[Visits]:
    """Visits of several tables as those of one, in one dimension; all have the same stages."""
    names = [field.name for field in fields(Visits) if field.name != "stage"]
    joined = []
    for same in zip(*parts, strict=True):
        arrays: dict[str, Any] = {name: [getattr(one, name) for one in same] for name in names}
        whole: dict[str, Any] = {
            name: None if of[0] is None else np.concatenate([one.ravel() for one in of]) for name, of in arrays.items()
        }
        joined.append(Visits(same[0].stage, **whole))
    return joined
