"""Where resolving and planning get files and tables of candidates from: each time anew, or from a memory.

A single run reads everything once, so the plain `Library` reads and computes whenever it is asked. A process that runs
many points of a sweep keeps a `Memory`: what its points have in common is read, parsed and tabulated once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from simulator.physics.link import Channel

if TYPE_CHECKING:
    from simulator.devices.card import Card
    from simulator.links.base import Draw
    from simulator.plan.candidates import Candidates
    from simulator.plan.exchange import Exchange
    from simulator.plan.system import Group

T = TypeVar("T")

#: things that a memory holds of each sort; beyond, the oldest is forgotten
CAPACITY = 512


class Library:
    """Reads and computes whenever it is asked."""

    def read(self, load: Callable[[str, Path | None], T], reference: str, base: Path | None) -> T:
        """What a loader makes of a reference."""
        return load(reference, base)

    def channel(self, link: Any, base: Path | None) -> Channel:
        """The channel of one direction of a link."""
        channel: Channel = link.channel(base)
        return channel

    def drawer(self, link: Any, base: Path | None) -> Draw:
        """What draws the channels of one direction of a random link."""
        draw: Draw = link.drawer(base)
        return draw

    def exchange(self, make: Callable[..., Exchange], uplink: Any, downlink: Any, *details: Any) -> Exchange:
        """What ``make`` says of two directions of a link; ``details`` must follow from them and the last, the base."""
        return make(uplink, downlink, *details)

    def tabulate(
        self, make: Callable[..., Candidates], group: Group, servers: tuple[Card, ...], *details: Any
    ) -> Candidates:
        """The candidates of a group; of it profile, card, sizes and processing may matter to ``make``."""
        return make(group, servers, *details)


class Memory(Library):
    """Reads and computes once; the files must not change while it lives."""

    def __init__(self) -> None:
        self._files: dict[Any, Any] = {}
        self._channels: dict[Any, Channel] = {}
        self._drawers: dict[Any, Draw] = {}
        self._exchanges: dict[Any, Exchange] = {}
        self._tables: dict[Any, tuple[Any, Candidates]] = {}

    def read(self, load: Callable[[str, Path | None], T], reference: str, base: Path | None) -> T:
        """What a loader makes of a reference."""
        key = (load, reference, base)
        if key not in self._files:
            _remember(self._files, key, load(reference, base))
        known: T = self._files[key]
        return known

    def channel(self, link: Any, base: Path | None) -> Channel:
        """The channel of one direction of a link."""
        key = (*_named(link), base)
        if key not in self._channels:
            _remember(self._channels, key, super().channel(link, base))
        return self._channels[key]

    def drawer(self, link: Any, base: Path | None) -> Draw:
        """What draws the channels of one direction of a random link."""
        key = (*_named(link), base)
        if key not in self._drawers:
            _remember(self._drawers, key, super().drawer(link, base))
        return self._drawers[key]

    def exchange(self, make: Callable[..., Exchange], uplink: Any, downlink: Any, *details: Any) -> Exchange:
        """What ``make`` says of two directions of a link."""
        key = (make, *_named(uplink), *_named(downlink), details[-1])
        if key not in self._exchanges:
            _remember(self._exchanges, key, make(uplink, downlink, *details))
        return self._exchanges[key]

    def tabulate(
        self, make: Callable[..., Candidates], group: Group, servers: tuple[Card, ...], *details: Any
    ) -> Candidates:
        """The candidates of a group; profiles and cards are told apart by identity, and kept alive for it."""
        parts = (group.profile, group.card, *servers)
        key = (
            make,
            *map(id, parts),
            group.result_bytes,
            group.packet_bytes,
            group.preprocess,
            group.postprocess,
            *details,
        )
        if key not in self._tables:
            _remember(self._tables, key, (parts, make(group, servers, *details)))
        return self._tables[key][1]


def _named(link: Any) -> tuple[type, str]:
    """One direction of a link, told apart by what was written."""
    return type(link), link.model_dump_json()


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    if len(memory) >= CAPACITY:
        del memory[next(iter(memory))]
    memory[key] = value
