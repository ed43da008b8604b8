"""Everything a scenario refers to, read and checked: profiles, cards, channels, radios, sample records.

This is the second half of checking: the schema knows names and units, this knows whether a cut exists, whether a
model fits into a device, whether a trace is dead, whether exits have thresholds and records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from simulator.devices.card import Card, load_card
from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.links.radio import Radio, load_radio
from simulator.physics.link import Channel
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.samples import SampleRecords, load_samples
from simulator.scenario.schema import Link, Scenario
from simulator.scenario.schema import Workload as WorkloadSpec

T = TypeVar("T")
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Group:
    """Equal devices: the same model, card, link and workload.

    Attributes
    ----------
    name : str
    devices : range
        Numbers of its devices, from 0 over all groups.
    profile : ModelProfile
    card : Card
    uplink, downlink : Channel
    propagation_s : float
        One-way delay, the same in both directions.
    radio : Radio or None
        Power model of the radio; None charges no radio energy.
    workload : WorkloadSpec
    samples : SampleRecords or None
    result_bytes : float or None
        Size of the answer; None takes the size of the model's output.
    place : tuple
        Where the group stands in the scenario, for messages.
    """

    name: str
    devices: range
    profile: ModelProfile
    card: Card
    uplink: Channel
    downlink: Channel
    propagation_s: float
    radio: Radio | None
    workload: WorkloadSpec
    samples: SampleRecords | None
    result_bytes: float | None
    place: Path_


@dataclass(frozen=True, eq=False)
class System:
    """All groups of a scenario and the edge server that they share."""

    scenario: Scenario
    groups: tuple[Group, ...]
    server: Card
    base: Path | None

    @property
    def devices(self) -> int:
        """Number of devices over all groups."""
        return self.groups[-1].devices.stop

    @property
    def horizon_s(self) -> float:
        """End of the observation; infinite when every request is followed to its end."""
        return math.inf if self.scenario.horizon is None else self.scenario.horizon


def resolve(scenario: Scenario, base: Path | None) -> System:
    """Read everything that a scenario refers to.

    Parameters
    ----------
    scenario : Scenario
    base : Path or None
        Folder of relative references.

    Raises
    ------
    ScenarioError
        With all problems, each at its place in the scenario.
    """
    reader = _Reader(base)
    server = reader.read(("server",), lambda: load_card(scenario.server, base))
    if server is not None and server.role != "server":
        reader.problems.append(
            Problem(
                f'"{scenario.server}" is a {server.role}, not a server', "take one with the role server", ("server",)
            )
        )
    groups: list[Group] = []
    first = 0
    members = _members(scenario)
    for name, count, model, device, link, workload, places in members:
        group = reader.group(scenario, name, range(first, first + count), model, device, link, workload, places)
        first += count
        if group is not None:
            groups.append(group)
    if reader.problems:
        raise ScenarioError(reader.problems)
    assert server is not None
    return System(scenario, tuple(groups), server, base)


def _members(
    scenario: Scenario,
) -> Iterable[tuple[str, int, str, str, Link, WorkloadSpec, dict[str, Path_]]]:
    """Groups with the top-level values filled in, and the place that each value came from."""
    if not scenario.fleet:
        places: dict[str, Path_] = {key: (key,) for key in ("model", "device", "link", "workload")}
        places["group"] = ()
        yield "devices", scenario.count, scenario.model, scenario.device, scenario.link, scenario.workload, places
        return
    for k, entry in enumerate(scenario.fleet):
        own = {key: getattr(entry, key) is not None for key in ("model", "device", "link", "workload")}
        places = {key: (("fleet", k, key) if is_own else (key,)) for key, is_own in own.items()}
        places["group"] = ("fleet", k)
        yield (
            entry.name,
            entry.count,
            entry.model or scenario.model,
            entry.device or scenario.device,
            entry.link or scenario.link,
            entry.workload or scenario.workload,
            places,
        )


class _Reader:
    """Reads references and keeps every problem with its place in the scenario."""

    def __init__(self, base: Path | None) -> None:
        self.base = base
        self.problems: list[Problem] = []

    def read(self, place: Path_, load: Callable[[], T]) -> T | None:
        try:
            return load()
        except OffloadSimError as error:
            for problem in error.problems:
                where = (
                    f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: " if problem.file else ""
                )
                inner = ".".join(str(part) for part in problem.path)
                text = f"{where}{inner + ': ' if inner else ''}{problem.message}"
                found = Problem(text, problem.hint, place)
                if found not in self.problems:
                    self.problems.append(found)
            return None

    def group(
        self,
        scenario: Scenario,
        name: str,
        devices: range,
        model: str,
        device: str,
        link: Link,
        workload: WorkloadSpec,
        places: dict[str, Path_],
    ) -> Group | None:
        base = self.base
        profile = self.read(places["model"], lambda: load_profile(model, base))
        card = self.read(places["device"], lambda: load_card(device, base))
        if card is not None and card.role != "device":
            self.problems.append(
                Problem(f'"{device}" is a {card.role}, not a device', "take a device card", places["device"])
            )
        uplink = self.read((*places["link"], "uplink"), lambda: link.uplink.channel(base))
        downlink = self.read((*places["link"], "downlink"), lambda: link.downlink.channel(base))
        radio = samples = None
        if link.radio is not None:
            reference = link.radio
            radio = self.read((*places["link"], "radio"), lambda: load_radio(reference, base))
        if workload.samples is not None:
            record = workload.samples
            samples = self.read((*places["workload"], "samples"), lambda: load_samples(record, base))
        if profile is None or card is None or uplink is None or downlink is None:
            return None
        return Group(
            name=name,
            devices=devices,
            profile=profile,
            card=card,
            uplink=uplink,
            downlink=downlink,
            propagation_s=link.propagation,
            radio=radio,
            workload=workload,
            samples=samples,
            result_bytes=scenario.result_size,
            place=places["group"],
        )
