"""Everything a scenario refers to, read and checked: profiles, cards, channels, radios, sample records.

This is the second half of checking: the schema knows names and units, this knows whether a cut exists, whether a
model fits into a device, whether a trace is dead, whether exits have thresholds and records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from simulator.devices.card import Card, load_card
from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.links.base import Draw, LinkKind
from simulator.links.lora import LoraLink
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import Radio, load_radio
from simulator.physics.link import Channel
from simulator.physics.lora import RECEIVE_DELAY1_S
from simulator.plan.exchange import Exchange, make_exchange
from simulator.plan.gaps import gaps_of
from simulator.plan.library import Library
from simulator.plan.packets import packet_problems
from simulator.plan.radio_states import RadioStates
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.samples import SampleRecords, check_model, load_samples
from simulator.scenario.schema import Cloud as CloudSpec
from simulator.scenario.schema import FleetGroup, Link, Processing, Scenario, Serving
from simulator.scenario.schema import Workload as WorkloadSpec
from simulator.units import human

T = TypeVar("T")
Place = tuple[str | int, ...]

#: frames until one gets through, in the mean; a link that loses more is a dead one
_MOST_TRIES = 100_000


@dataclass(frozen=True, eq=False)
class Cloud:
    """A server behind the edge server, and the link to it, which all devices share.

    Attributes
    ----------
    card : Card
    serving : Serving
        Its rules.
    uplink_kind, downlink_kind : LinkKind
        What the scenario says of either direction.
    uplink, downlink : Channel
        The channels, or what may be assumed of random ones.
    uplink_draw, downlink_draw : callable or None
        What draws a channel that is random.
    exchange : Exchange
        How long transfers take in the mean.
    propagation_s : float
        One-way delay, the same in both directions.
    """

    card: Card
    serving: Serving
    uplink_kind: LinkKind
    downlink_kind: LinkKind
    uplink: Channel
    downlink: Channel
    uplink_draw: Draw | None
    downlink_draw: Draw | None
    exchange: Exchange
    propagation_s: float

    @property
    def falls_back(self) -> bool:
        """Whether a request that finds it full finishes on its device."""
        return self.serving.when_full == "local"


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
    uplink_kind, downlink_kind : LinkKind
        What the scenario says of either direction.
    uplink, downlink : Channel
        The channels, or what may be assumed of random ones.
    uplink_draw, downlink_draw : callable or None
        What draws the channels of its devices, where they are random.
    exchange : Exchange
        How long a message and its answer take in the mean.
    delivered_up, delivered_down : float
        Mean share of the transmissions after which a frame need not be sent again.
    propagation_s : float
        One-way delay, the same in both directions.
    radio : Radio, LoraRadio or None
        Power model of the radio, of the sort that the link needs; None charges no radio energy.
    radio_states : RadioStates or None
        What such a radio does around its transfers; None for a LoRa radio and for none.
    workload : WorkloadSpec
    samples : SampleRecords or None
    priority : int
        Smaller numbers go first where the edge server goes by priority.
    result_bytes : float or None
        Size of the answer; None takes the size of the model's output.
    cell : str or None
        Cell whose airtime its links share.
    preprocess, postprocess : Processing
        Work before and after the model, on each tier.
    packet_bytes : float or None
        Size of the packets of its messages; None where they go whole.
    cloud : Cloud or None
        What lies behind the edge server.
    place, link_place : tuple
        Where the group and its link stand in the scenario, for messages.
    """

    name: str
    devices: range
    profile: ModelProfile
    card: Card
    uplink_kind: LinkKind
    downlink_kind: LinkKind
    uplink: Channel
    downlink: Channel
    uplink_draw: Draw | None
    downlink_draw: Draw | None
    exchange: Exchange
    delivered_up: float
    delivered_down: float
    propagation_s: float
    radio: Radio | LoraRadio | None
    radio_states: RadioStates | None
    workload: WorkloadSpec
    samples: SampleRecords | None
    priority: int
    result_bytes: float | None
    cell: str | None
    preprocess: Processing
    postprocess: Processing
    packet_bytes: float | None
    cloud: Cloud | None
    place: Place
    link_place: Place

    @property
    def lora(self) -> LoraLink | None:
        """The link, where it is a LoRaWAN link."""
        return self.uplink_kind if isinstance(self.uplink_kind, LoraLink) else None

    @property
    def cellular(self) -> Radio | None:
        """The radio, where its power follows its rate and its states."""
        return self.radio if isinstance(self.radio, Radio) else None


@dataclass(frozen=True, eq=False)
class System:
    """All groups of a scenario and the servers that they share."""

    scenario: Scenario
    groups: tuple[Group, ...]
    server: Card
    cloud: Cloud | None
    base: Path | None
    library: Library

    @property
    def devices(self) -> int:
        """Number of devices over all groups."""
        return self.groups[-1].devices.stop

    @property
    def horizon_s(self) -> float:
        """End of the observation; infinite when every request is followed to its end."""
        return math.inf if self.scenario.horizon is None else self.scenario.horizon


def resolve(scenario: Scenario, base: Path | None, library: Library | None = None) -> System:
    """Read everything that a scenario refers to.

    Parameters
    ----------
    scenario : Scenario
    base : Path or None
        Folder of relative references.
    library : Library, optional
        Where files come from; each is read anew without one.

    Raises
    ------
    ScenarioError
        With all problems, each at its place in the scenario.
    """
    library = library or Library()
    reader = _Reader(base, library)
    server = reader.server(scenario.server, ("server",))
    cloud = None if scenario.cloud is None else reader.cloud(scenario.cloud)
    groups: list[Group] = []
    first = 0
    members = scenario.fleet or (FleetGroup(name="devices", count=scenario.count),)
    for k, member in enumerate(members):
        place: Place = ("fleet", k) if scenario.fleet else ()
        group = reader.group(scenario, member, range(first, first + member.count), place, cloud)
        first += member.count
        if group is not None:
            groups.append(group)
    if reader.problems:
        raise ScenarioError(reader.problems)
    assert server is not None
    return System(scenario, tuple(groups), server, cloud, base, library)


class _Reader:
    """Reads references and keeps every problem with its place in the scenario."""

    def __init__(self, base: Path | None, library: Library) -> None:
        self.base = base
        self.library = library
        self.problems: list[Problem] = []

    def read(self, place: Place, load: Callable[[], T]) -> T | None:
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

    def server(self, reference: str, place: Place) -> Card | None:
        """A server card."""
        card = self.read(place, lambda: self.library.read(load_card, reference, self.base))
        if card is not None and card.role != "server":
            self.problems.append(Problem(f'"{reference}" is a {card.role}, not a server', "take a server card", place))
        return card

    def cloud(self, spec: CloudSpec) -> Cloud | None:
        """The third tier."""
        base, library, link = self.base, self.library, spec.link
        card = self.server(spec.server, ("cloud", "server"))
        uplink = self.read(("cloud", "link", "uplink"), lambda: library.channel(link.uplink, base))
        downlink = self.read(("cloud", "link", "downlink"), lambda: library.channel(link.downlink, base))
        if card is None or uplink is None or downlink is None:
            return None
        return Cloud(
            card=card,
            serving=spec.serving,
            uplink_kind=link.uplink,
            downlink_kind=link.downlink,
            uplink=uplink,
            downlink=downlink,
            uplink_draw=library.drawer(link.uplink, base) if link.uplink.is_random else None,
            downlink_draw=library.drawer(link.downlink, base) if link.downlink.is_random else None,
            exchange=library.exchange(make_exchange, link.uplink, link.downlink, uplink, downlink, base),
            propagation_s=link.propagation,
        )

    def group(
        self, scenario: Scenario, member: FleetGroup, devices: range, place: Place, cloud: Cloud | None
    ) -> Group | None:
        """One group, with what it does not say itself taken from the top level."""
        base, library = self.base, self.library
        model, device = member.model or scenario.model, member.device or scenario.device
        link, workload = member.link or scenario.link, member.workload or scenario.workload

        def at(key: str) -> Place:
            return (*place, key) if getattr(member, key) is not None else (key,)

        profile = self.read(at("model"), lambda: library.read(load_profile, model, base))
        card = self.read(at("device"), lambda: library.read(load_card, device, base))
        if card is not None and card.role != "device":
            message = f'"{device}" is a {card.role}, not a device'
            self.problems.append(Problem(message, "take a device card", at("device")))
        uplink = self.read((*at("link"), "uplink"), lambda: library.channel(link.uplink, base))
        # a LoRaWAN link says both directions
        down = link.uplink if link.downlink is None else link.downlink
        downlink = self.read((*at("link"), "downlink"), lambda: library.channel(down, base))
        delivered_up = self.read((*at("link"), "uplink"), lambda: _delivered(link.uplink, base))
        delivered_down = self.read((*at("link"), "downlink"), lambda: _delivered(down, base))
        radio = samples = None
        if link.radio is not None:
            reference = link.radio
            radio = self.read((*at("link"), "radio"), lambda: library.read(load_radio, reference, base))
        self.lora(link, radio, at("link"))
        if workload.samples is not None:
            record = workload.samples
            samples = self.read((*at("workload"), "samples"), lambda: library.read(load_samples, record, base))
            if samples is not None and profile is not None and not workload.any_model:
                records, name = samples, profile.name
                self.read((*at("workload"), "samples"), lambda: check_model(records, name))
        states = None
        if isinstance(radio, Radio):
            gaps = self.read((*at("workload"), "file"), lambda: gaps_of(workload, devices, base))
            if gaps is None:
                return None
            states = RadioStates(radio, gaps)
        if profile is None or card is None or uplink is None or downlink is None:
            return None
        if delivered_up is None or delivered_down is None:
            return None
        if link.packets is not None:
            channels = (uplink, downlink, *(() if cloud is None else (cloud.uplink, cloud.downlink)))
            self.problems += packet_problems(link, profile, channels, cloud is not None, at("link"))
        return Group(
            name=member.name,
            devices=devices,
            profile=profile,
            card=card,
            uplink_kind=link.uplink,
            downlink_kind=down,
            uplink=uplink,
            downlink=downlink,
            uplink_draw=library.drawer(link.uplink, base) if link.uplink.is_random else None,
            downlink_draw=library.drawer(down, base) if down.is_random else None,
            exchange=library.exchange(make_exchange, link.uplink, down, uplink, downlink, base),
            delivered_up=delivered_up,
            delivered_down=delivered_down,
            propagation_s=link.propagation,
            radio=radio,
            radio_states=states,
            workload=workload,
            samples=samples,
            priority=member.priority,
            result_bytes=scenario.result_size,
            cell=link.cell,
            preprocess=scenario.preprocess or Processing(),
            postprocess=scenario.postprocess or Processing(),
            packet_bytes=None if link.packets is None else link.packets.mtu,
            cloud=cloud,
            place=place,
            link_place=at("link"),
        )

    def lora(self, link: Link, radio: Radio | LoraRadio | None, place: Place) -> None:
        """Whether a link has the radio that it needs, and a LoRaWAN link the time to answer."""
        is_lora = isinstance(link.uplink, LoraLink)
        if radio is not None and isinstance(radio, LoraRadio) != is_lora:
            kinds = ("is no LoRa radio", "sx1272") if is_lora else ("is a LoRa radio", "wifi or lte")
            message = f'"{link.radio}" {kinds[0]}'
            self.problems.append(Problem(message, f"take a radio card such as {kinds[1]}", (*place, "radio")))
        if is_lora and isinstance(radio, LoraRadio):
            self.read((*place, "radio"), lambda: radio.transmit_w(link.uplink.transmit_power))
        if is_lora and link.propagation > RECEIVE_DELAY1_S / 2:
            message = f"answers come back after {human(2 * link.propagation, 'time')}, too late for the first window"
            hint = (
                f"at most {human(RECEIVE_DELAY1_S / 2, 'time')}: the window opens {RECEIVE_DELAY1_S:g} s after a frame"
            )
            self.problems.append(Problem(message, hint, (*place, "propagation")))


def _delivered(kind: LinkKind, base: Path | None) -> float:
    """Mean share of the transmissions that get through, where the others are sent again; 1 elsewhere."""
    if kind.losses is None:
        return 1.0
    chain = kind.losses.chain(base)
    if chain.worst_tries > _MOST_TRIES:
        message = "no frame ever gets through"
        if math.isfinite(chain.worst_tries):
            message = f"in its worst state it takes {chain.worst_tries:.3g} frames on average until one gets through"
        raise ScenarioError(Problem(message, f"at most {_MOST_TRIES:,} can be simulated", ("losses",)))
    return 1 - chain.loss_share if kind.losses.retransmit else 1.0
