"""Stages: what a request can go through, in the order in which it meets them; each has one pair of instants in a log.

A stage is served by stations: one for each device, or one that all share. Stations are numbered stage by stage, and act
in that order at one instant. A second visit to a station is a stage of its own, served by the stations of the first.
"""

from __future__ import annotations

from dataclasses import dataclass

#: kinds of stages: work is seconds at a processor and at a server, bits on a link
PROCESSOR, LINK, SERVER = range(3)
#: which factors of the workload scale the work of a stage; links have none
DEVICE_DRAW, EDGE_DRAW, CLOUD_DRAW, NO_DRAW = 0, 1, 2, -1


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes
    ----------
    name : str
    kind : int
        `PROCESSOR`, `LINK` or `SERVER`.
    shared : bool
        Whether all devices share one station; each has its own otherwise.
    draw : int
        `DEVICE_DRAW`, `EDGE_DRAW`, `CLOUD_DRAW` or `NO_DRAW`.
    served_by : str
        Stage whose stations serve it; empty for its own.
    has_radio : bool
        Whether it is a link of the device's radio.
    title : str
        What people call it.
    """

    name: str
    kind: int
    shared: bool = False
    draw: int = NO_DRAW
    served_by: str = ""
    has_radio: bool = False
    title: str = ""

    @property
    def station(self) -> str:
        """Stage whose stations serve it, and under whose name its times are shown."""
        return self.served_by or self.name


DEVICE = Stage("device", PROCESSOR, draw=DEVICE_DRAW, title="device")
UPLINK = Stage("uplink", LINK, has_radio=True, title="uplink")
EDGE = Stage("edge", SERVER, shared=True, draw=EDGE_DRAW, title="edge server")
BACKHAUL_UP = Stage("backhaul_up", LINK, shared=True, title="link to the cloud")
CLOUD = Stage("cloud", SERVER, shared=True, draw=CLOUD_DRAW, title="cloud server")
BACKHAUL_DOWN = Stage("backhaul_down", LINK, shared=True, title="link from the cloud")
DOWNLINK = Stage("downlink", LINK, has_radio=True, title="downlink")
#: what a server would have computed, on the device, after a full queue
FALLBACK = Stage("fallback", PROCESSOR, draw=DEVICE_DRAW, served_by="device", title="device")

TWO_TIERS = (DEVICE, UPLINK, EDGE, DOWNLINK, FALLBACK)
THREE_TIERS = (DEVICE, UPLINK, EDGE, BACKHAUL_UP, CLOUD, BACKHAUL_DOWN, DOWNLINK, FALLBACK)
