"""What a scenario may say: one frozen model per part, a sentence under each field.

The sentences are the help of the JSON Schema that editors complete from. Quantities are SI floats here and strings
with units in the file. Whether parts fit together (a cut that exists, a model that fits) is not checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from simulator.errors import Problem
from simulator.scenario.kinds import Registered
from simulator.scenario.mistakes import nested, shown
from simulator.scenario.parts import Part, RuledPart
from simulator.scenario.quantities import Duration, Frequency, PositiveDuration, PositiveSize, Size
from simulator.scenario.references import (
    ArrivalsReference,
    DeviceReference,
    ModelReference,
    RadioReference,
    SamplesReference,
)
from simulator.units import human

#: names that are safe as a folder below ``results/``
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

#: a default in the form that a file would have, for JSON Schema
_ZERO: dict[str, JsonValue] = {"default": "0 s"}
#: what a scenario without jitter, or without a wait, says when it is written out in full
NO_JITTER = NO_WAIT = "0 s"

#: rows of the request table that a run may ask for; whether they fit into memory is `plan.memory`'s business
MAX_ROWS = 50_000_000

Name = Annotated[str, Field(pattern=_NAME, max_length=80)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
ChannelSpec = Annotated[Any, Registered("links", "channel", infer=True)]
PolicySpec = Annotated[Any, Registered("policies", "policy")]


class Packets(Part):
    """Messages cut into packets, each of which is forwarded as soon as it has come."""

    mtu: PositiveSize = Field(description="Size of a packet; the last one of a message is filled up.")


class Link(RuledPart):
    """The radio link between a device and the edge server."""

    uplink: ChannelSpec = Field(description="From the device to the server: a rate, a trace, a generator, LoRa.")
    downlink: ChannelSpec | None = Field(
        None, description="From the server to the device: a rate or a trace; left out for LoRa, which says both."
    )
    propagation: Duration = Field(
        0.0, json_schema_extra=_ZERO, description="One-way propagation delay, added to every transfer; 0 if left out."
    )
    radio: RadioReference | None = Field(
        None, description="Radio card: what the device draws while it sends and receives. No radio energy if left out."
    )
    cell: Name | None = Field(
        None, description="Name of a cell: all links with this name share its airtime. Nothing is shared if left out."
    )
    packets: Packets | None = Field(
        None,
        description="Messages go in packets, which the edge forwards to the cloud one by one; whole if left out.",
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """LoRa says both directions, every other uplink needs a downlink."""
        uplink, downlink = given.get("uplink"), given.get("downlink")
        is_lora = isinstance(uplink, Mapping) and "region" in uplink
        if not is_lora and isinstance(downlink, Mapping) and "region" in downlink:
            hint = "write it as the uplink and leave the downlink out"
            yield Problem("LoRa says both directions, from the uplink on", hint, ("downlink",))
        if is_lora and downlink is not None:
            yield Problem(
                "LoRa answers in the receive windows after an uplink frame", "leave the downlink out", ("downlink",)
            )
        if is_lora and given.get("cell") is not None:
            yield Problem("a cell is for links of a constant rate", "leave it out", ("cell",))
        if is_lora and given.get("packets") is not None:
            yield Problem("LoRa cuts messages into frames of its own", "leave packets out", ("packets",))
        if isinstance(uplink, Mapping) and not is_lora and downlink is None:
            hint = 'write a rate, like downlink: {rate: "20 Mbit/s"}'
            yield Problem('field "downlink" is missing', hint, ("downlink",))


class Workload(RuledPart):
    """When each device asks for inferences, and on which samples."""

    arrivals: Literal["periodic", "poisson", "recorded"] = Field(
        description="periodic: equal gaps; poisson: exponential gaps; recorded: times from a file."
    )
    rate: Frequency | None = Field(None, description="Requests per second of each device; periodic and poisson only.")
    jitter: Duration = Field(
        0.0, json_schema_extra=_ZERO, description="Each arrival moves by a uniform draw from 0 to this; periodic only."
    )
    phase: Duration | None = Field(
        None,
        description="Time of the first arrival, less than a period; drawn for each device and replication if left out; "
        "0 s puts devices in step. Periodic only.",
    )
    file: ArrivalsReference | None = Field(
        None, description="CSV with the column arrival_s and, if devices differ, the column device; recorded only."
    )
    requests: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] | None = Field(
        None, description="Requests of each device; either this or `duration`."
    )
    duration: PositiveDuration | None = Field(
        None, description="Requests arrive from 0 until this time; either this or `requests`."
    )
    deadline: PositiveDuration | None = Field(
        None, description="Latency after which a request has missed; none if left out."
    )
    samples: SamplesReference | None = Field(
        None, description="Records of what each exit says about each sample; each request draws one."
    )
    any_model: bool = Field(
        False, strict=True, description="Whether the records of another model are taken as if they were this one's."
    )

    @property
    def expected_requests(self) -> float:
        """Mean number of requests of each device; 0 where only a file of recorded arrivals knows it."""
        if self.requests is not None:
            return float(self.requests)
        return (self.rate or 0.0) * (self.duration or 0.0)

    @model_validator(mode="after")
    def _begins_in_the_first_period(self) -> Self:
        """Refuse a phase that is none."""
        if self.phase is not None and self.rate is not None and self.phase * self.rate >= 1:
            message = f"a phase of {human(self.phase, 'time')} is no part of a period of {human(1 / self.rate, 'time')}"
            raise nested(Problem(message, "write less than a period", ("phase",)))
        return self

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Which fields belong to which arrivals."""
        arrivals = given.get("arrivals")
        has = {key for key, value in given.items() if value is not None and (key, value) != ("jitter", NO_JITTER)}
        if given.get("any_model") and "samples" not in has:
            yield Problem(
                "any_model without samples has no effect", "write samples too, or leave it out", ("any_model",)
            )
        if {"requests", "duration"} <= has:
            yield Problem("requests and duration exclude each other", "leave one of them out", ("duration",))
        if arrivals in ("periodic", "poisson"):
            if not {"requests", "duration"} & has:
                yield Problem("neither requests nor duration is given", "write how many, like requests: 1000")
            if "rate" not in has:
                yield Problem(f"{arrivals} arrivals need a rate", 'write one, like rate: "10 /s"', ("rate",))
            if "file" in has:
                yield Problem(
                    f"{arrivals} arrivals have no file", "leave it out, or write arrivals: recorded", ("file",)
                )
        for field in sorted({"jitter", "phase"} & has):
            if arrivals in ("poisson", "recorded"):
                yield Problem(
                    f"{arrivals} arrivals have no {field}", "leave it out, or write arrivals: periodic", (field,)
                )
        if arrivals == "recorded":
            if "file" not in has:
                yield Problem("recorded arrivals need a file", "a CSV with the column arrival_s", ("file",))
            if "rate" in has:
                yield Problem(
                    "recorded arrivals have no rate", "leave it out: the file says when they arrive", ("rate",)
                )


class Serving(RuledPart):
    """How a server takes requests from its queue."""

    workers: Count | None = Field(None, description="Batches computed at the same time; the card's number if left out.")
    max_batch: Annotated[int, Field(strict=True, ge=1, le=4096)] = Field(
        1, description="Most requests in one batch; more than 1 needs a server card with a batch curve."
    )
    max_wait: Duration = Field(
        0.0, description="Longest wait of a request for its batch to fill while a worker is idle; 0 starts at once."
    )
    queue_limit: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = Field(
        None,
        description="Most requests that wait beside those that an idle worker takes or gathers; no limit if left out.",
    )
    when_full: Literal["drop", "local"] = Field(
        "drop", description="What becomes of a request that finds the queue full: dropped, or finished on its device."
    )
    order: Literal["arrival", "deadline", "priority"] = Field(
        "arrival", description="Who goes first: first come, earliest deadline, or smallest priority number."
    )
    background_load: Annotated[float, Field(ge=0, le=0.99)] = Field(
        0.0, description="Share of the server that others use; compute times grow by 1 / (1 - share)."
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Waiting is for batches, and what happens when full needs a limit."""
        if given.get("max_wait") not in (None, NO_WAIT) and given.get("max_batch", 1) == 1:
            yield Problem(
                "max_wait without batches has no effect", "write max_batch too, or leave it out", ("max_wait",)
            )
        if given.get("when_full") not in (None, "drop") and given.get("queue_limit") is None:
            yield Problem("when_full without a queue_limit has no effect", "write queue_limit too", ("when_full",))


class Backhaul(RuledPart):
    """The link between the edge server and the cloud, which all devices of the edge share."""

    uplink: ChannelSpec = Field(description="From the edge to the cloud: a rate, a trace, a generator.")
    downlink: ChannelSpec = Field(description="From the cloud to the edge: a rate, a trace, a generator.")
    propagation: Duration = Field(
        0.0, json_schema_extra=_ZERO, description="One-way propagation delay, added to every transfer; 0 if left out."
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """Nothing is lost on a backhaul, and it is no LoRa link."""
        for way in ("uplink", "downlink"):
            channel = given.get(way)
            if isinstance(channel, Mapping) and "region" in channel:
                yield Problem("LoRa is no link between servers", 'write a rate, like {rate: "1 Gbit/s"}', (way,))
            if isinstance(channel, Mapping) and channel.get("losses") is not None:
                yield Problem("losses are not simulated between servers", "leave them out", (way, "losses"))


class Cloud(Part):
    """A server behind the edge server, and the link to it."""

    server: DeviceReference = Field(description="Server card: name of a built-in, or a YAML file.")
    link: Backhaul = Field(description="Link between the edge server and the cloud, shared by all devices.")
    serving: Serving = Field(Serving(), description="Rules of the cloud server; its order is that of `serving`.")


class Processing(Part):
    """Work before or after a model, such as a resize of the picture or a non-maximum suppression, on each tier."""

    device: Duration = Field(0.0, json_schema_extra=_ZERO, description="Time on the device; 0 if left out.")
    edge: Duration = Field(0.0, json_schema_extra=_ZERO, description="Time on the edge server; 0 if left out.")
    cloud: Duration = Field(0.0, json_schema_extra=_ZERO, description="Time in the cloud; 0 if left out.")


class FleetGroup(Part):
    """Equal devices inside a fleet; what is left out is taken from the top level."""

    name: Name = Field(description="Name of the group in tables and figures.")
    count: Count = Field(description="Number of devices in the group.")
    model: ModelReference | None = Field(None, description="Model profile, instead of the top-level one.")
    device: DeviceReference | None = Field(None, description="Device card, instead of the top-level one.")
    link: Link | None = Field(None, description="Link, instead of the top-level one as a whole.")
    workload: Workload | None = Field(None, description="Workload, instead of the top-level one as a whole.")
    priority: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(
        0, description="Smaller numbers go first where serving.order is priority."
    )


class Statistics(Part):
    """How means and their intervals are made."""

    replications: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        1, description="Independent repetitions with their own random streams."
    )
    warmup: Duration = Field(
        0.0,
        json_schema_extra=_ZERO,
        description="Requests that arrive earlier are recorded but left out of every mean.",
    )
    batches: Annotated[int, Field(strict=True, ge=2, le=1000)] = Field(
        20, description="Batches of the interval of one replication; joined in pairs while they are correlated."
    )


class Scenario(RuledPart):
    """One comparison: the same requests under every policy."""

    name: Name = Field(description="Name of the scenario and of its folder below results/.")
    description: str = Field("", description="What the scenario is about, in a sentence.", max_length=2000)
    seed: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] = Field(
        1, description="Same seed, same scenario: same result, byte for byte."
    )
    model: ModelReference = Field(description="Model profile: name of a built-in, or a JSON file.")
    device: DeviceReference = Field(description="Device card: name of a built-in, or a YAML file.")
    server: DeviceReference = Field(description="Edge server card: name of a built-in, or a YAML file.")
    serving: Serving = Field(Serving(), description="Rules of the edge server: workers, batches, limits, order.")
    cloud: Cloud | None = Field(None, description="A third tier behind the edge server; none if left out.")
    count: Count = Field(1, description="Number of equal devices that share the server; 1 if left out.")
    link: Link = Field(description="Link between a device and the server; each device has its own.")
    workload: Workload = Field(description="When each device asks for inferences.")
    fleet: tuple[FleetGroup, ...] | None = Field(
        None, min_length=1, max_length=1000, description="Groups of unlike devices, instead of `count` equal ones."
    )
    policies: tuple[PolicySpec, ...] = Field(
        min_length=1, max_length=100, description="What is compared; every policy sees the same requests."
    )
    statistics: Statistics = Field(Statistics(), description="Replications, warm-up, batches.")
    horizon: PositiveDuration | None = Field(
        None,
        description="End of the observation: requests in flight are censored, later ones left out. None if left out.",
    )
    preprocess: Processing | None = Field(
        None, description="Work before the model, on the tier that runs its first layer; none if left out."
    )
    postprocess: Processing | None = Field(
        None, description="Work after the model, on the tier that runs its last layer; none if left out."
    )
    result_size: Size | None = Field(
        None, description="Bytes that the server sends back; the size of the model's output if left out."
    )

    @field_validator("policies")
    @classmethod
    def _labels_differ(cls, policies: tuple[Any, ...]) -> tuple[Any, ...]:
        _unique([policy.label() for policy in policies], "policy", "give one of them another name")
        return policies

    @field_validator("fleet")
    @classmethod
    def _names_differ(cls, fleet: tuple[FleetGroup, ...] | None) -> tuple[FleetGroup, ...] | None:
        _unique([group.name for group in fleet or ()], "group", "give one of them another name")
        return fleet

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        """Refuse a run that no machine is likely to have the memory for."""
        groups = [(g.count, g.workload or self.workload) for g in self.fleet or ()] or [(self.count, self.workload)]
        requests = sum(count * workload.expected_requests for count, workload in groups)
        rows = requests * len(self.policies) * self.statistics.replications
        if rows > MAX_ROWS:
            message = f"asks for about {rows:.3g} rows (requests of all devices, replications and policies)"
            raise nested(Problem(message, f"at most {MAX_ROWS:,} are simulated in one run: shorten it", ("workload",)))
        return self

    @model_validator(mode="after")
    def _sees_something(self) -> Self:
        """Refuse a warm-up that leaves nothing to observe."""
        if self.horizon is not None and self.statistics.warmup >= self.horizon:
            message = f"the warm-up leaves nothing before the horizon of {human(self.horizon, 'time')}"
            raise nested(Problem(message, "shorten the warm-up or lengthen the horizon", ("statistics", "warmup")))
        return self

    @model_validator(mode="after")
    def _orders_something(self) -> Self:
        """Refuse an order that has nothing to go by."""
        order, fleet = self.serving.order, self.fleet or ()
        workloads = [group.workload or self.workload for group in fleet] or [self.workload]
        if order == "deadline" and all(workload.deadline is None for workload in workloads):
            message, hint = "no request has a deadline to go by", "write workload.deadline, or leave order out"
            raise nested(Problem(message, hint, ("serving", "order")))
        if order == "priority" and len({group.priority for group in fleet}) < 2:
            message = "all requests have the same priority"
            hint = "write a priority for the groups of a fleet, or leave order out"
            raise nested(Problem(message, hint, ("serving", "order")))
        return self

    @model_validator(mode="after")
    def _has_one_order(self) -> Self:
        """Refuse an order of the cloud's own."""
        if self.cloud is not None and self.cloud.serving.order != "arrival":
            message, hint = "one order holds for both servers", "write it as serving.order, and leave it out here"
            raise nested(Problem(message, hint, ("cloud", "serving", "order")))
        return self

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """A fleet counts its own devices."""
        if given.get("fleet") is not None and given.get("count") is not None:
            yield Problem("count and fleet exclude each other", "each group of a fleet has its own count", ("count",))


def _unique(labels: list[str], noun: str, hint: str) -> None:
    """Refuse labels that occur twice, each at its second place."""
    twice = [k for k, label in enumerate(labels) if label in labels[:k]]
    if twice:
        raise nested(*(Problem(f"two {noun} entries are called {shown(labels[k])}", hint, (k,)) for k in twice))
