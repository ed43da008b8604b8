"""What an engine needs of a plan and a workload, in the form in which numba and Python read it alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.deciding import beliefs_in_objects, make_beliefs
from simulator.engines.log import CENSORED, Book, Columns
from simulator.engines.media.cells import Cells, make_cells
from simulator.engines.media.lora_state import Lora, make_lora
from simulator.engines.media.own_channel import Air, make_air
from simulator.engines.records import FLAG, INT, REAL, as_objects, table
from simulator.engines.serving import Hall, make_lines, make_servers
from simulator.engines.steps import NOBODY
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK, SERVER
from simulator.workload import Workload

Floats = NDArray[np.float64]


class Traffic(NamedTuple):
    """The workload.

    Attributes
    ----------
    size : int
        Number of requests.
    arrival_s : array of float, shape (requests,)
    device, row : array of int, shape (requests,)
        Who asks, and the row of its route.
    factors : tuple of arrays of float, shape (requests,)
        Factors of the work at a stage, by its `draw`.
    """

    size: int
    arrival_s: Floats
    device: NDArray[np.int32]
    row: NDArray[np.int32]
    factors: tuple[Floats, ...]


class World(NamedTuple):
    """One policy over one workload.

    Attributes
    ----------
    traffic : Traffic
    first, legs
        Routes, see `simulator.plan.routes`.
    stages : records, shape (stages,)
        ``kind``, ``shared``, ``draw`` as in `simulator.plan.stages`. ``station``: the first that serves it. ``place``:
        number of the server, or of the first wire. ``column``, ``wake_column``, ``bits_column``: of the log.
    hall : Hall
    air : Air
    cells : Cells
    lora : Lora or ()
    beliefs : Beliefs or ()
    book : Book
    horizon_s : float
    """

    traffic: Traffic
    first: Any
    legs: Any
    stages: Any
    hall: Hall
    air: Air
    cells: Cells
    lora: Any
    beliefs: Any
    book: Book
    horizon_s: float


class Layout(NamedTuple):
    """Where the stations of a plan stand.

    Attributes
    ----------
    station : dict
        Number of the first station of each stage that has its own.
    place : dict
        Number of a server, or of the first wire of a link.
    servers : list of str
    served, free : list of int, length stations
        First stage that a station serves, and its servers.
    """

    station: dict[str, int]
    place: dict[str, int]
    servers: list[str]
    served: list[int]
    free: list[int]


def arrange(plan: Plan) -> Layout:
    """Number the stations stage by stage, so that they act in the order in which a request meets them."""
    devices, links = plan.group_of.size, 0
    made = Layout({}, {}, [], [], [])
    for k, stage in enumerate(plan.stages):
        if stage.served_by:
            continue
        count = 1 if stage.shared else devices
        made.station[stage.name] = len(made.served)
        made.served.extend([k] * count)
        if stage.kind == SERVER:
            made.place[stage.name] = len(made.servers)
            made.servers.append(stage.name)
            made.free.append(plan.servers[stage.name].workers)
        else:
            made.free.extend([1] * count)
        if stage.kind == LINK:
            made.place[stage.name] = links * devices
            links += 1
    return made


def stage_table(plan: Plan, columns: Columns, layout: Layout) -> Any:
    """The stages as records, see `World`."""
    return table(
        len(plan.stages),
        station=(INT, [layout.station[stage.station] for stage in plan.stages]),
        place=(INT, [layout.place.get(stage.station, -1) for stage in plan.stages]),
        column=(INT, columns.start),
        wake_column=(INT, columns.wake),
        bits_column=(INT, columns.bits),
        kind=(FLAG, [stage.kind for stage in plan.stages]),
        draw=(FLAG, [stage.draw for stage in plan.stages]),
        shared=(FLAG, [stage.shared for stage in plan.stages]),
    )


def make_world(plan: Plan, workload: Workload, rows: NDArray[np.int32], columns: Columns, book: Book) -> World:
    """The state before the first arrival."""
    size, layout = workload.size, arrange(plan)
    cell_of = np.full(plan.group_of.size, NOBODY) if plan.cell_of is None else plan.cell_of
    return World(
        traffic=Traffic(size, workload.arrival_s, workload.device, rows, workload.factors),
        first=plan.routes.first,
        legs=plan.routes.legs,
        stages=stage_table(plan, columns, layout),
        hall=_hall(plan, workload, layout),
        air=make_air(plan),
        cells=make_cells(cell_of, size),
        lora=_lora(plan, columns, size, layout.station),
        beliefs=make_beliefs(plan, size),
        book=book,
        horizon_s=plan.horizon_s,
    )


def _hall(plan: Plan, workload: Workload, layout: Layout) -> Hall:
    """Stations and servers without a request."""
    is_urgent = plan.order != "arrival"
    rules = [plan.servers[name] for name in layout.servers]
    visits = [sum(stage.station == name for stage in plan.stages) for name in layout.servers]
    records = make_servers(rules, [layout.station[name] for name in layout.servers], visits, is_urgent)
    return Hall(
        stations=table(
            len(layout.served),
            head=(INT, NOBODY),
            tail=(INT, NOBODY),
            waiting=(INT, 0),
            free=(INT, layout.free),
            stage=(INT, layout.served),
        ),
        at=table(
            workload.size,
            joined_s=(REAL, 0.0),
            follower=(INT, NOBODY),
            leg=(INT, 0),
            batch=(INT, NOBODY),
            unfinished=(INT, 0),
            what=(FLAG, 0),
            is_taken=(FLAG, 0),
            status=(FLAG, CENSORED),
            reason=(FLAG, 0),
        ),
        servers=records,
        batch_factor=np.concatenate([np.empty(0), *(rule.batch_factor for rule in rules)]),
        urgency=plan.urgency(workload) if is_urgent else np.zeros(workload.size if _any_limit(records) else 0),
        lines=make_lines(records, workload.size),
    )


def _any_limit(servers: Any) -> bool:
    return bool(servers["is_limited"].any())


def _lora(plan: Plan, columns: Columns, requests: int, station: dict[str, int]) -> Lora | tuple[()]:
    """The LoRaWAN devices of a run; nothing where there are none."""
    if plan.lora is None:
        return ()
    names = [stage.name for stage in plan.stages]
    up, down = names.index("uplink"), names.index("downlink")
    places = {
        "station": station["uplink"],
        "up_bits": columns.bits[up],
        "down_bits": columns.bits[down],
        "answer_start": columns.start[down],
    }
    return make_lora(plan.lora, requests, plan.propagation_s[plan.group_of], plan.horizon_s, places)


def slot(stage: Any, device: int) -> int:
    """Which of the stations, or wires, of a stage serves a device."""
    return 0 if stage.shared else device


def in_objects(w: World) -> World:
    """The same with objects for records, and lists for what plain Python looks up one by one."""

    def convert(part: Any, *names: str) -> Any:
        return part._replace(**{name: as_objects(getattr(part, name)) for name in names})

    traffic = w.traffic._replace(
        arrival_s=w.traffic.arrival_s.tolist(),
        device=w.traffic.device.tolist(),
        factors=tuple(factor.tolist() for factor in w.traffic.factors),
    )
    hall = convert(w.hall, "stations", "at", "servers")
    hall = hall._replace(
        batch_factor=hall.batch_factor.tolist(), urgency=hall.urgency.tolist(), lines=hall.lines.tolist()
    )
    made: World = convert(w, "legs", "stages")._replace(
        traffic=traffic,
        first=w.first.tolist(),
        hall=hall,
        air=convert(w.air, "wires", "radios"),
        cells=convert(w.cells, "cells"),
        lora=convert(w.lora, "devices", "groups", "rates", "bands", "silences", "asks") if w.lora else (),
        beliefs=beliefs_in_objects(w.beliefs) if w.beliefs else (),
    )
    return made
