"""What a machine sends at each cut: the input in its encoding, or features as it holds them or through a codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulator.codecs.base import Codec, Message
from simulator.devices.card import Card
from simulator.errors import Problem, ScenarioError
from simulator.physics.packets import in_packets_bytes
from simulator.plan.system import Group
from simulator.profiling.graph import size_at
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Messages:
    """What one machine sends at each cut; arrays of shape (cuts, 1).

    Attributes
    ----------
    size_bytes, encode_s : array
    decoders : tuple of callable
        For each cut, the time that a machine takes to read what was sent.
    """

    size_bytes: Floats
    encode_s: Floats
    decoders: tuple[Callable[[Card], float], ...]

    def decoded_by(self, card: Card, slowdown: float) -> Floats:
        """Time of decoding on a machine, shape (cuts, 1)."""
        return slowdown * np.array([decoder(card) for decoder in self.decoders])[:, None]


def messages(cuts: Sequence[CutPoint], group: Group, card: Card, encoding: str, codec: Codec | None) -> Messages:
    """What a machine with a card sends at each cut."""
    profile = group.profile
    known = profile.encodings.get(encoding)
    input_bytes = profile.sent_input_bytes if known is None else known.size_bytes
    picture = profile.encodings.get("uint8")
    raw_bytes = input_bytes if picture is None else picture.size_bytes
    sizes: list[float] = []
    encode_s: list[float] = []
    decoders: list[Callable[[Card], float]] = []
    for cut in cuts:
        if cut.layers == 0:
            sizes.append(input_bytes)
            # what no card knows is a change of type, which takes nothing
            encode_s.append(card.encode_s(encoding, raw_bytes, input_bytes) or 0.0)
            decoders.append(partial(_read_input_s, encoding, input_bytes, raw_bytes))
        elif codec is None or cut.bytes == 0:
            sizes.append(size_at(card.element_bytes_of(profile), float(cut.bytes), float(cut.integer_bytes)))
            encode_s.append(0.0)
            decoders.append(_nothing_s)
        else:
            numbers = (cut.bytes - cut.integer_bytes) / 4
            message = Message(numbers, float(cut.integer_bytes), cut.tensors, numbers * card.element_bytes_of(profile))
            sizes.append(codec.size_bytes(message))
            encode_s.append(_known_s(codec.encode_s(message, card), card, codec))
            decoders.append(partial(_read_features_s, codec, message, profile))
    return Messages(sent_bytes(np.array(sizes)[:, None], group), np.array(encode_s)[:, None], tuple(decoders))


def _nothing_s(card: Card) -> float:  # noqa: ARG001
    return 0.0


def _read_input_s(encoding: str, input_bytes: float, raw_bytes: float, card: Card) -> float:
    return card.decode_s(encoding, input_bytes, raw_bytes) or 0.0


def _read_features_s(codec: Codec, message: Message, profile: ModelProfile, card: Card) -> float:
    held = replace(message, stored_bytes=message.numbers * card.element_bytes_of(profile))
    return _known_s(codec.decode_s(held, card), card, codec)


def _known_s(time_s: float | None, card: Card, codec: Codec) -> float:
    """A time of a codec, where the machine's card says it."""
    if time_s is None:
        message = f"{card.name} does not say how fast it makes and reads {codec.label}"
        hint = "write codecs: {quantise: {encode: ..., decode: ...}} on its card, or a codec with its own times"
        raise ScenarioError(Problem(message, hint, ("codec",)))
    return time_s


def sent_bytes(size_bytes: Floats, group: Group) -> Floats:
    """What is sent of messages: all of it, or whole packets."""
    return size_bytes if group.packet_bytes is None else in_packets_bytes(size_bytes, group.packet_bytes)
