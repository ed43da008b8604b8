"""What codecs of the user's own share: times of encoding and decoding as they are stated, on whatever machine."""

from __future__ import annotations

from pydantic import Field

from simulator.codecs.base import Codec, Coder, Message
from simulator.scenario.quantities import Duration


class StatedCodec(Codec):
    """Times of encoding and decoding that the user knows."""

    encode: Duration = Field(description="Time of encoding a message where it is sent.")
    decode: Duration = Field(description="Time of decoding it where it is received.")

    def encode_s(self, message: Message, coder: Coder) -> float | None:  # noqa: ARG002
        """As stated."""
        return self.encode

    def decode_s(self, message: Message, coder: Coder) -> float | None:  # noqa: ARG002
        """As stated."""
        return self.decode
